#!/usr/bin/env bash
# Builds the extension and installs it for the server of PG_CONFIG, and shows how far it is. Who may not write there
# goes on where the same files are installed already.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pg_config=${PG_CONFIG:-pg_config}
if ! command -v "$pg_config" >/dev/null; then
  echo "There is no program $pg_config: install PostgreSQL's headers, or let PG_CONFIG name that of your server." >&2
  exit 1
fi
libraries=$("$pg_config" --pkglibdir)
extensions=$("$pg_config" --sharedir)/extension

refuse() {
  echo "The extension goes into $libraries and $extensions, where $(id -un) may not write." >&2
  echo "Run this as root, or let PG_CONFIG name a server of your own." >&2
  exit 1
}

# Make's commands in; how many files are compiled comes out every ten seconds. Warnings and errors go past it.
show_progress() {
  local line compiled=0 shown=$SECONDS
  while IFS= read -r line; do
    [[ $line != *' -c '*.cpp* ]] || compiled=$((compiled + 1))
    if [ $((SECONDS - shown)) -ge 10 ]; then
      echo "  compiled $compiled files"
      shown=$SECONDS
    fi
  done
}

build() {
  make --no-print-directory -j"$(nproc 2>/dev/null || echo 2)" all | show_progress
}

may_install() {
  [ -w "$libraries" ] && [ -w "$extensions" ]
}

# Whether the server has just what would be installed.
is_installed() {
  local copy=$scratch/installed file
  make -s --no-print-directory install DESTDIR="$copy" || return
  while IFS= read -r file; do
    cmp -s "$copy$file" "$file" || return
  done < <(find "$copy" -type f -printf '/%P\n')
}

may_install || [ -f "$extensions/customer_identity.control" ] || refuse
may_install || echo "$(id -un) may not write into $libraries: only checks that what is installed there is this"
echo "building and installing the extension for $pg_config, $("$pg_config" --version)"
build
if may_install; then
  make -s --no-print-directory install
else
  is_installed || refuse
fi
