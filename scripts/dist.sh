#!/usr/bin/env bash
# Writes the archive of a release, as PGXN takes it, from the commit that is checked out: build/dist/NAME-VERSION.zip
set -euo pipefail
cd "$(dirname "$0")/.."

name=customer_identity
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" $name.control)
archive=build/dist/$name-$version.zip

git rev-parse --verify -q HEAD >/dev/null || { echo "make dist packs a commit: it needs the git repository." >&2; exit 1; }
git diff --quiet HEAD || echo "What is not committed is not in the archive." >&2
scripts/check_meta.py
scripts/same_version.py
mkdir -p build/dist
rm -f "$archive"
git archive --format=zip --prefix="$name-$version/" -o "$archive" HEAD
echo "$archive"
