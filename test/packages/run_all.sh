#!/usr/bin/env bash
# Every way to get a release, on fresh systems: the archive, the packages, the images. Needs root, debootstrap and the
# distribution's packages; a quarter of an hour.
set -euo pipefail
cd "$(dirname "$0")/../.."

mkdir -p build/test
for part in dist.sh deb.sh container.py; do
  echo "== $part; its output: build/test/packages-${part%.*}.log"
  if ! "test/packages/$part" >"build/test/packages-${part%.*}.log" 2>&1; then
    tail -n 50 "build/test/packages-${part%.*}.log"
    exit 1
  fi
  tail -n 1 "build/test/packages-${part%.*}.log"
done
