#!/bin/bash
# Installs those of the named Debian packages that are missing. Without names, or with all present, it does nothing.
# A package whose command has another name is named COMMAND:PACKAGE.
#
#   tools/apt-need.sh nginx wrk mvn:maven
set -eu

missing=()
for need in "$@"; do
  command="${need%%:*}"
  package="${need#*:}"
  # The command counts too: it may have been installed another way.
  if ! command -v "$command" >/dev/null && ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
    missing+=("$package")
  fi
done
if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "missing Debian packages: ${missing[*]}. Ask the administrator to run: apt-get install ${missing[*]}" >&2
    exit 75
  fi
  as_root=(sudo)
fi

echo "installing Debian packages: ${missing[*]}" >&2
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
# Package lists may be absent or old; refresh them only when the first try fails.
if ! "${install[@]}" >/dev/null 2>&1; then
  "${as_root[@]}" apt-get update -q >/dev/null
  "${install[@]}" >/dev/null
fi
