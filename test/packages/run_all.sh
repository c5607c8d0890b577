#!/usr/bin/env bash
# Every way to get a release, on fresh systems: the archive, the packages, the images. Needs root, debootstrap and the
# distributions' packages; an hour.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p build/test
for part in dist.sh 'deb.sh bookworm' 'deb.sh trixie' 'deb.sh noble' 'deb.sh forky' 'deb.sh forky 19:experimental' container.py; do
  read -ra words <<<"$part"
  log=build/test/packages-${part//[. ]/-}.log
  echo "== $part; its output: $log"
  if ! "test/packages/${words[0]}" "${words[@]:1}" >"$log" 2>&1; then
    tail -n 50 "$log"
    exit 1
  fi
  tail -n 1 "$log"
done
