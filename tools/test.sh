#!/bin/bash
# Runs all checks and ends with the summary of node:test.
#
# A failed lint does not keep the tests from running: one run tells everything. The status is 0 only when all passed.
set -u
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"

# Longer than the slowest test on a busy machine; a test that hangs ends here instead of never.
test_timeout_ms=300000

# Hundreds of processes start, each with hundreds of modules: what one has compiled the next need not compile again.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/node"

failed=()
check() {
  local name="$1"
  shift
  echo "== $name"
  "$@" || failed+=("$name")
}

check lint oxlint --quiet
check format oxfmt --check
check types tsc -p .
if [ "${#failed[@]}" -gt 0 ]; then echo "== failed before the tests: ${failed[*]}"; fi

echo "== tests ($(node --version))"
node --test --test-concurrency=2 --test-timeout="$test_timeout_ms" --test-reporter=spec \
  'src/**/*.test.ts' 'tests/**/*.test.ts' 'tools/**/*.test.ts' &
tests=$!
# Who ends this ends the tests and the brokers that they started: bash by itself would leave them running.
trap 'kill "$tests"; wait "$tests"' HUP INT TERM
wait "$tests"
status=$?
if [ "$status" -eq 0 ] && [ "${#failed[@]}" -gt 0 ]; then status=1; fi
exit "$status"
