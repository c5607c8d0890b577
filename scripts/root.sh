#!/usr/bin/env bash
# Folders that hold a fresh Debian or Ubuntu each, to try packages and commands on. Needs root and debootstrap.
#   scripts/root.sh make NAME [SUITE]      build/roots/NAME, with nothing but what every system has (SUITE: this system's)
#   scripts/root.sh run NAME COMMAND...    in it, with processes and mounts of its own: nothing that it starts outlives it
#   scripts/root.sh remove NAME
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 1 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "Only root can make a root folder and run commands in it." >&2; exit 1; }
command=$1
root=build/roots/$2
shift 2

# Packages are fetched once for all folders.
cache=build/roots/cache

ubuntu='noble resolute'

# debootstrap_into FOLDER SUITE
debootstrap_into() {
  local options=("$2" "$1" '' "$([ -e "/usr/share/debootstrap/scripts/$2" ] && echo "$2" || echo sid)")
  if [[ " $ubuntu " == *" $2 "* ]]; then
    options=("--components=main,universe" "$2" "$1" '' gutsy)
    # Debian has no package with Ubuntu's keys; apt in the system has them and checks what it installs.
    [ -f /usr/share/keyrings/ubuntu-archive-keyring.gpg ] || options=(--no-check-gpg "${options[@]}")
  fi
  debootstrap --variant=minbase "${options[@]}" >"$1.log" 2>&1 || { tail -n 20 "$1.log" >&2; return 1; }
  # With the minor releases since, as Ubuntu's installer sets it up.
  if [[ " $ubuntu " == *" $2 "* ]]; then
    for pocket in updates security; do
      sed -n "1s/ $2 / $2-$pocket /p" "$1/etc/apt/sources.list"
    done >"$1/etc/apt/sources.list.d/pockets.list"
  fi
  # Packages start no servers, and a mirror may be older than its lists say.
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod 755 "$1/usr/sbin/policy-rc.d"
  echo 'Acquire::Check-Valid-Until "false";' >"$1/etc/apt/apt.conf.d/99old-mirrors"
}

make_root() {
  local suite=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
  mkdir -p "$cache/packages"
  if [ ! -f "$cache/$suite.tar" ]; then
    rm -rf "${cache:?}/$suite"
    debootstrap_into "$cache/$suite" "$suite"
    tar -C "$cache/$suite" -cf "$cache/$suite.new" .
    mv "$cache/$suite.new" "$cache/$suite.tar"
    rm -rf "${cache:?}/$suite"
  fi
  rm -rf "$root"
  mkdir -p "$root"
  tar -C "$root" -xf "$cache/$suite.tar"
}

# Node.js and npm trust there whom this system trusts.
run_in_root() {
  local trust=()
  mkdir -p "$cache/packages/partial"
  if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
    cp -L "$NODE_EXTRA_CA_CERTS" "$root/trusted"
    trust=(NODE_EXTRA_CA_CERTS=/trusted NPM_CONFIG_CAFILE=/trusted)
  fi
  # shellcheck disable=SC2016
  exec unshare --mount --pid --ipc --fork --kill-child bash -c '
    mount --bind "$1" "$2/var/cache/apt/archives" && mount -t proc proc "$2/proc" && mount -t devpts -o ptmxmode=666 devpts "$2/dev/pts" &&
      root=$2 && shift 2 && exec env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /usr/bin/env "$@"' run "$cache/packages" "$root" "${trust[@]}" "$@"
}

case $command in
  make) make_root "$@" ;;
  run) run_in_root "$@" ;;
  remove) rm -rf "$root" ;;
  *) echo "scripts/root.sh: make, run or remove, not $command" >&2; exit 2 ;;
esac
