#!/usr/bin/env bash
# Runs inside a system of the matrix, in a copy of the sources: what README says first, then each suite, for the system's
# own server and for the further ones; then the upgrades between them.
#   test/matrix/in_system.sh [MAJOR:SUITE_OF_DISTRIBUTION:WHAT...]     WHAT: tests, or upgrades only
# Writes /matrix/results ("major TAB what TAB outcome") and a log for each in /matrix.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit
mkdir -p /matrix
export DEBIAN_FRONTEND=noninteractive
read -ra suites <<<"${SUITES:-$(test/run --list)}"

result() {
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>/matrix/results
  echo "  PostgreSQL $1: $2: $3"
}

# attempt MAJOR WHAT COMMAND...: its outcome is ok or failed.
attempt() {
  local log="/matrix/$1-$2.log"
  if "${@:3}" >"$log" 2>&1 </dev/null; then result "$1" "$2" ok; else result "$1" "$2" failed; return 1; fi
}

pg_config_of() { echo "/usr/lib/postgresql/$1/bin/pg_config"; }

warnings() {
  result "$1" warnings "$(grep -cE '^src/.*warning:' "$2")"
}

versions() {
  result "$1" version "$("$(pg_config_of "$1")" --version | sed -E 's/^PostgreSQL ([^ ]+).*/\1/')"
  result "$1" libphonenumber "$(dpkg-query -W -f '${Version}' libphonenumber-dev | grep -oE '^[0-9.]+')"
  result "$1" compilers "GCC $(g++ -dumpfullversion), clang $(clang -dumpversion)"
}

run_suites() {
  local suite log counts
  for suite in "${suites[@]}"; do
    log=/matrix/$1-$suite.log
    PG_CONFIG=$(pg_config_of "$1") test/run "$suite" >"$log" 2>&1 </dev/null
    counts=$(tail -n 1 "$log")
    case $counts in
      *', 0 failed') result "$1" "$suite" "${counts%% *}" ;;
      *) result "$1" "$suite" "${counts#*, }" ;;
    esac
    cp "build/test/$suite.log" "/matrix/$1-$suite.output" 2>/dev/null
  done
}

# With its own package where there is one: the files of pgTAP are the same for all majors.
add_server() {
  local major=$1 suite=$2 distribution
  distribution=$(sed -nE '1s/^deb(.*)? (http[^ ]*) .*/\2/p' /etc/apt/sources.list)
  echo "deb $distribution $suite main" >"/etc/apt/sources.list.d/$suite.list"
  apt-get update &&
    apt-get install -y --no-install-recommends -t "$suite" "postgresql-$major" "postgresql-server-dev-$major" || return
  apt-get install -y --no-install-recommends "postgresql-$major-pgtap" ||
    cp "/usr/share/postgresql/$own/extension"/pgtap* "/usr/share/postgresql/$major/extension"
  # The clang of another suite's server may be older than the headers of this system's library.
  make -s -j"$(nproc)" install with_llvm=no PG_CONFIG="$(pg_config_of "$major")"
}

apt-get update && apt-get install -y make || exit
attempt own 'make demo' make demo || exit
own=$(ls /usr/lib/postgresql)
sed -i "s/^own\t/$own\t/" /matrix/results
warnings "$own" '/matrix/own-make demo.log'
attempt "$own" set-up make test-setup || exit
versions "$own"
run_suites "$own"

for further; do
  IFS=: read -r major suite what <<<"$further"
  attempt "$major" installation add_server "$major" "$suite" || continue
  warnings "$major" "/matrix/$major-installation.log"
  versions "$major"
  if [ "$what" = tests ]; then run_suites "$major"; fi
done
mapfile -t majors < <(ls /usr/lib/postgresql)
for ((i = 1; i < ${#majors[@]}; i++)); do
  attempt "${majors[i]}" "upgrade from ${majors[i - 1]}" \
    test/matrix/upgrade.sh "$(pg_config_of "${majors[i - 1]}")" "$(pg_config_of "${majors[i]}")"
done
