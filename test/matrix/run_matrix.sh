#!/usr/bin/env bash
# Builds and tests the extension in systems of its own, and prints a table:
#   test/matrix/run_matrix.sh [SYSTEM...]      (all)
# A system is a root folder that scripts/root.sh makes once in build/roots. What a run installs goes into a layer over it that
# is thrown away; processes, mounts and shared memory are the run's own, so that no server outlives it.
#   SUITES="unit pgtap"   those suites only
#   KEEP=1                leaves the layer, in build/matrix/SYSTEM
# A run of all systems and suites writes docs/compatibility.md.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/../.."

# The suite of the distribution, and further servers: a major, whose suite has it, and what is done with it.
declare -A systems=(
  [debian-12]='bookworm'
  [debian-13]='trixie 15:bookworm:upgrades'
  [debian-forky]='forky 17:trixie:upgrades 19:experimental:tests'
  [ubuntu-24.04]='noble'
  [ubuntu-26.04]='resolute'
)
all=(debian-12 debian-13 debian-forky ubuntu-24.04 ubuntu-26.04)

[ "$(id -u)" -eq 0 ] || { echo 'Only root can make systems and enter them.' >&2; exit 1; }
command -v debootstrap >/dev/null || { echo 'apt-get install debootstrap' >&2; exit 1; }
wanted=("$@")
[ $# -gt 0 ] || wanted=("${all[@]}")
for system in "${wanted[@]}"; do
  [ -n "${systems[$system]:-}" ] || { echo "There is no system $system, but ${all[*]}." >&2; exit 2; }
done

# make_root SYSTEM SUITE: no archive of a package is kept in it.
make_root() {
  local root=build/roots/$1
  [ ! -f "$root.made" ] || return 0
  echo "making $root"
  scripts/root.sh make "$1" "$2" || return
  echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };' >"$root/etc/apt/apt.conf.d/99matrix"
  touch "$root.made"
}

# enter FOLDER COMMAND...: in the layered root, with namespaces of its own. Node.js and npm trust whom this system trusts.
enter() {
  # shellcheck disable=SC2016  # the inner shell expands them
  unshare --mount --pid --ipc --fork --kill-child --propagation private bash -c '
    set -e
    layers=$1 root=$1/root lower=$2
    shift 2
    mkdir -p "$root" "$layers/changes" "$layers/work"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$layers/changes,workdir=$layers/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    trust=()
    if [ -n "${NODE_EXTRA_CA_CERTS:-}" ]; then
      cp -L "$NODE_EXTRA_CA_CERTS" "$root/trusted"
      trust=(NODE_EXTRA_CA_CERTS=/trusted NPM_CONFIG_CAFILE=/trusted)
    fi
    exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      TERM=dumb LANG=C.UTF-8 SUITES="${SUITES:-}" "${trust[@]}" "$@"
  ' - "$@"
}

# run_system SYSTEM SUITE FURTHER...
run_system() {
  local layers=build/matrix/$1
  make_root "$1" "$2" || return
  echo "== $1"
  rm -rf "$layers"
  mkdir -p "$layers/changes/customer_identity"
  git ls-files -co --exclude-standard -z | tar c --null -T - | tar x -C "$layers/changes/customer_identity"
  enter "$PWD/$layers" "$PWD/build/roots/$1" /customer_identity/test/matrix/in_system.sh "${@:3}" >"$layers/log" 2>&1 ||
    tail -n 5 "$layers/log" >&2
  rm -rf "build/matrix/$1.results"
  cp -r "$layers/changes/matrix" "build/matrix/$1.results"
  [ -n "${KEEP:-}" ] || rm -rf "$layers"
}

mkdir -p build/roots build/matrix
for system in "${wanted[@]}"; do
  read -ra arguments <<<"${systems[$system]}"
  run_system "$system" "${arguments[@]}" || echo "$system could not be tried" >&2
done
test/matrix/table.py "${all[@]}"
if [ $# -eq 0 ] && [ -z "${SUITES:-}" ]; then test/matrix/table.py --write "${all[@]}"; fi
