#!/bin/bash
# Installs the npm packages when node_modules does not match package-lock.json, and proves that Node 24 is there.
#
# The stamp holds a hash, not a time: a fresh checkout changes times, not contents.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.lock-hash
wanted="$(sha256sum <package-lock.json | cut -d' ' -f1)"

if ! command -v npm >/dev/null; then
  echo "npm was not found. Install Node 20 or newer with npm (Debian: see README.md, section 'What must be on the machine')." >&2
  exit 78
fi

node_24_works() { node_modules/.bin/node --version 2>/dev/null | grep -q '^v24\.'; }

if [ "$(cat "$stamp" 2>/dev/null || true)" != "$wanted" ] || ! node_24_works; then
  echo "installing npm packages" >&2
  npm ci --no-audit --no-fund --loglevel=error
  # An npm that holds back install scripts leaves the package `node` without its program.
  node_24_works || npm rebuild node --ignore-scripts=false --loglevel=error || true
  if ! node_24_works; then
    echo "npm ci ended, but node_modules/.bin/node is not Node 24. The package 'node' fetches it in an install script:" >&2
    echo "allow install scripts (npm config get ignore-scripts must say false) and run the command again." >&2
    exit 75
  fi
  echo "$wanted" >"$stamp"
fi
