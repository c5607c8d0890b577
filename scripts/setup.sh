#!/usr/bin/env bash
# Installs the Debian packages that are missing:
#   scripts/setup.sh [build] [test] [shop] [lint]        (build and test, when nothing is named)
# PG_CONFIG names the server they are for, else it is the newest that the system's packages offer; a server outside
# Debian's folders brings its own files.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

debian_servers=/usr/lib/postgresql
pg_config=${PG_CONFIG:-pg_config}

# The server's major version, or nothing when Debian's packages have no part in it.
server_major() {
  local bindir version
  if bindir=$("$pg_config" --bindir 2>/dev/null) && [[ $bindir != "$debian_servers"/* ]]; then
    return
  fi
  if version=$("$pg_config" --version 2>/dev/null) && [[ $version =~ ([0-9]+) ]]; then
    echo "${BASH_REMATCH[1]}"
  elif [[ $pg_config =~ ^$debian_servers/([0-9]+)/ ]]; then
    echo "${BASH_REMATCH[1]}"
  else
    distribution_major
  fi
}

# What the package postgresql stands for in this release. A fresh system has no lists yet to look that up in.
distribution_major() {
  command -v apt-get >/dev/null || { echo 17; return; }
  default_major && return
  if [ "$(id -u)" -ne 0 ]; then
    echo "Which packages are missing can be told once root has said: apt-get update" >&2
    return 1
  fi
  quietly apt-get update && default_major && return
  echo "apt knows no package named postgresql." >&2
  return 1
}

default_major() {
  LC_ALL=C apt-cache depends postgresql 2>/dev/null | sed -nE 's/^ *Depends: postgresql-([0-9]+)$/\1/p' | grep .
}

# Ubuntu has no such package, but one that points to a snap and goes by its name.
has_chromium() {
  apt-cache show chromium 2>/dev/null | grep '^Package: chromium$' >/dev/null
}

# Shows the end of what a command says when it failed. A file takes it: a server that a package starts keeps a pipe open.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" 3> >(show_progress) >"$log" 2>&1 </dev/null || status=$?
  [ "$status" -eq 0 ] || tail -n 40 "$log" >&2
  rm -f "$log"
  return "$status"
}

# Each quarter of the way, from apt's lines like "pmstatus:package:percent:what".
show_progress() {
  local kind percent shown='dlstatus 0'
  while IFS=: read -r kind _ percent _; do
    percent=${percent%%[.,]*}
    [[ $kind =~ ^(dl|pm)status$ && $percent =~ ^[0-9]+$ ]] || continue
    percent=$((percent / 25 * 25))
    [ "$percent" -gt 0 ] && [ "$shown" != "$kind $percent" ] || continue
    shown="$kind $percent"
    if [ "$kind" = dlstatus ]; then echo "  downloaded: $percent %"; else echo "  installed: $percent %"; fi
  done
}

want() {
  case $1 in
    build)
      wanted+=(g++ libcurl4-openssl-dev libphonenumber-dev nlohmann-json3-dev)
      [ -z "$major" ] || wanted+=("postgresql-$major" "postgresql-server-dev-$major")
      ;;
    test)
      wanted+=(cmake clang libclang-rt-dev libgtest-dev libtap-parser-sourcehandler-pgtap-perl)
      wanted+=(pyflakes3 python3-psycopg python3-psycopg2)
      [ -z "$major" ] || wanted+=("postgresql-$major-pgtap")
      want shop
      scripts/browser.sh >/dev/null || ! has_chromium || wanted+=(chromium)
      ;;
    shop)
      command -v node >/dev/null || wanted+=(ca-certificates nodejs)
      command -v npm >/dev/null || wanted+=(npm)
      ;;
    lint) wanted+=(clang-format clang-tidy cppcheck pyflakes3 shellcheck) ;;
    *)
      echo "usage: scripts/setup.sh [build] [test] [shop] [lint]" >&2
      exit 2
      ;;
  esac
}

[ $# -gt 0 ] || set -- build test
major=$(server_major)
wanted=()
for group; do want "$group"; done

if ! command -v apt-get >/dev/null; then
  echo "Packages are installed on Debian only. By their names there, these are needed: ${wanted[*]}"
  exit
fi

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "These packages are missing, and only root can install them:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi

[ -z "$major" ] || echo "for PostgreSQL $major (PG_CONFIG chooses another server)"
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
if ! { quietly apt-get update &&
  quietly apt-get install -y --no-install-recommends -o APT::Status-Fd=3 "${missing[@]}"; }; then
  echo "The packages could not be installed." >&2
  exit 1
fi
