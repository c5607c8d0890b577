#!/usr/bin/env bash
# Builds the Debian packages of what `make dist` packs, one for each PostgreSQL of this system: build/deb/*.deb
#   scripts/deb.sh [ARCHIVE] [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."

for program in dpkg-buildpackage lintian pg_buildext python3; do
  command -v "$program" >/dev/null && continue
  echo "There is no $program. As root: apt-get install dpkg-dev git lintian postgresql-server-dev-all python3" >&2
  exit 1
done
archive=$(realpath "${1:-$(scripts/dist.sh)}")
folder=${2:-build/deb}
version=$(dpkg-parsechangelog --show-field Version | sed 's/-[^-]*$//')
tree=customer-identity-$version

rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
python3 -m zipfile -e "$archive" .
mv customer_identity-*/ "$tree"
# Zip files keep no rights that Python restores.
find "$tree" -type f -exec grep -lIZ '^#!' {} + | xargs -0 chmod 755
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --exclude=debian -cf - "$tree" | gzip -n >"customer-identity_$version.orig.tar.gz"

cd "$tree"
pg_buildext updatecontrol
if ! dpkg-checkbuilddeps; then
  echo "As root, this installs what is missing: apt-get build-dep ./$folder/$tree" >&2
  exit 1
fi
DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS-parallel=$(nproc)}" dpkg-buildpackage -us -uc
# Also where the package is built on a derivative, whose own rules are about its own archive.
lintian --profile debian --fail-on error,warning ../*.changes
