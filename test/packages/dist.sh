#!/usr/bin/env bash
# What `make dist` packs is all that is needed: it is unpacked outside git, built, installed and tested from there, and
# uninstalled. Nothing is left then.
set -euo pipefail
cd "$(dirname "$0")/../.."

archive=$(realpath "$(scripts/dist.sh)")
scratch=$(mktemp -d /tmp/customer_identity_dist.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
python3 -m zipfile -e "$archive" "$scratch"
cd "$scratch"/customer_identity-*
find . -type f -exec grep -lIZ '^#!' {} + | xargs -0 chmod 755
! git rev-parse 2>/dev/null || { echo "not ok: $PWD is in a git repository"; exit 1; }

scripts/check_meta.py
scripts/same_version.py
make -s -j"$(nproc)" install
test/run install regress

make -s install DESTDIR="$scratch/installed"
find "$scratch/installed" -type f | sort | sed "s|^$scratch/installed||"
make -s uninstall DESTDIR="$scratch/installed"
left=$(find "$scratch/installed" -type f)
[ -z "$left" ] || { echo "not ok: make uninstall left $left"; exit 1; }
echo "dist: ${archive##*/} is whole"
