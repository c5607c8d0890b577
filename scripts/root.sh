#!/usr/bin/env bash
# Folders that hold a fresh Debian each, to try packages and commands on. Needs root and debootstrap.
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

make_root() {
  local suite=${1:-$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)}
  mkdir -p "$cache/packages"
  if [ ! -f "$cache/$suite.tar" ]; then
    debootstrap --variant=minbase "$suite" "$cache/$suite" >"$cache/$suite.log" || { tail -n 20 "$cache/$suite.log" >&2; exit 1; }
    tar -C "$cache/$suite" -cf "$cache/$suite.new" .
    mv "$cache/$suite.new" "$cache/$suite.tar"
    rm -rf "${cache:?}/$suite"
  fi
  rm -rf "$root"
  mkdir -p "$root"
  tar -C "$root" -xf "$cache/$suite.tar"
  # Packages start no servers.
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
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
