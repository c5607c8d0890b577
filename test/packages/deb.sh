#!/usr/bin/env bash
# `make deb` on a fresh system builds packages that lintian accepts, the same twice in two folders. On another fresh system
# they are installed, used as the README says, removed and purged, and nothing is left.
#   test/packages/deb.sh [SUITE [MAJOR:SUITE]]     SUITE: this system's; the package of a server that another suite has
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
IFS=: read -r major majors_suite <<<"${2:-}"
builder=deb-builder-$suite
user=deb-user-$suite
in_builder() { scripts/root.sh run "$builder" "$@"; }
in_user() { scripts/root.sh run "$user" "$@"; }
step() { echo "-- $1"; }

# Packages of the server and of its libraries come from its suite, all else from the system's own.
add_suite() {
  local sources=build/roots/$1/etc/apt
  [ -n "$major" ] || return 0
  sed -nE "1s/ $suite / $majors_suite /p" "$sources/sources.list" >"$sources/sources.list.d/$majors_suite.list"
  printf 'Package: *postgresql* libpq* libecpg* libpgtypes*\nPin: release n=%s\nPin-Priority: 990\n\n' "$majors_suite" >"$sources/preferences.d/server"
  printf 'Package: *postgresql* libpq* libecpg* libpgtypes*\nPin: release a=%s\nPin-Priority: 990\n' "$majors_suite" >>"$sources/preferences.d/server"
}

archive=$(scripts/dist.sh)
step "build twice on $suite"
scripts/root.sh make "$builder" "$suite"
trap 'scripts/root.sh remove "$builder"; scripts/root.sh remove "$user"' EXIT
python3 -m zipfile -e "$archive" "build/roots/$builder"
mv build/roots/"$builder"/customer_identity-* "build/roots/$builder/src"
cp "$archive" "build/roots/$builder/src.zip"
chmod -R +x "build/roots/$builder/src/scripts" "build/roots/$builder/src/debian/rules"
add_suite "$builder"
in_builder apt-get update -q
in_builder apt-get install -y -q --no-install-recommends dpkg-dev lintian postgresql-server-dev-all python3
[ -z "$major" ] || in_builder apt-get install -y -q --no-install-recommends "postgresql-$major" "postgresql-server-dev-$major"
in_builder apt-get build-dep -y -q --no-install-recommends /src
for folder in build/deb build/another/folder; do
  in_builder env ${major:+PG_SUPPORTED_VERSIONS="$major"} /src/scripts/deb.sh /src.zip "$folder"
done
built=build/roots/$builder/src/build
for package in "$built"/deb/*.deb; do
  cmp "$package" "$built/another/folder/${package##*/}"
done
for package in "$built"/deb/postgresql-*-customer-identity_*.deb; do
  name=${package##*/}
  symbols=${name/customer-identity_/customer-identity-dbgsym_}
  [ -f "$built/deb/$symbols" ] || [ -f "$built/deb/${symbols%.deb}.ddeb" ] || { echo "$name has no dbgsym" >&2; exit 1; }
done
mkdir -p build/deb
cp "$built"/deb/*.deb build/deb

step "use on another $suite"
scripts/root.sh make "$user" "$suite"
mkdir "build/roots/$user/packages"
cp "$built"/deb/*.deb "$built"/deb/*.dsc "$built"/deb/*.tar.* "build/roots/$user/packages"
cp test/packages/use_package.sh "build/roots/$user/"
add_suite "$user"
in_user apt-get update -q
in_user /use_package.sh

step "the package's own test"
in_user apt-get install -y -q --no-install-recommends autopkgtest dpkg-dev
in_user bash -c 'autopkgtest --no-built-binaries /packages/*.deb /packages/*.dsc -- null'
echo "deb: the packages of ${majors_suite:-$suite} are in build/deb"
