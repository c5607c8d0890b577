#!/usr/bin/env bash
# What has to hold before a commit is tagged as a release; make test and make lint have passed. It says what fails, and goes on.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

failed=0
check() {
  local title=$1 start=$SECONDS
  shift
  if "$@"; then
    echo "ok      $title ($((SECONDS - start)) s)"
  else
    echo "FAILED  $title"
    failed=1
  fi
}

all_committed() {
  [ -z "$(git status --porcelain)" ] || { git status --short; return 1; }
}

not_tagged() {
  local version
  version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" customer_identity.control)
  ! git rev-parse -q --verify "refs/tags/v$version" >/dev/null || { echo "v$version is tagged already"; return 1; }
}

performance_is_written() {
  bench/report.py bench/results docs --check
}

every_system_was_tried() {
  ! sed -n '/^<!-- .* writes from here/,/^<!-- to here/p' docs/compatibility.md | grep -E 'not tried|not finished|[1-9][0-9]* failed'
}

quietly() {
  local log=build/release-check.log
  mkdir -p build
  "$@" >"$log" 2>&1 || { tail -n 30 "$log"; return 1; }
}

check 'everything is committed' all_committed
check 'the version is new' not_tagged
check 'versions agree, and CHANGELOG.md has the date' scripts/same_version.py --released
check 'META.json is valid' scripts/check_meta.py
check 'licences of what is bundled are named' scripts/licences.py
check 'the update script is what the sources make' scripts/write_update.py --check
check 'docs/performance.md is what the measurements make' performance_is_written
check 'docs/compatibility.md tells of every system, without a failure' every_system_was_tried
check 'the library is installed' quietly make -s install
check 'updates from released versions, documents, install and uninstall' quietly test/run upgradecheck docs install
check 'archive, packages and images, on fresh systems' quietly test/packages/run_all.sh
exit $failed
