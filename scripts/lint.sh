#!/usr/bin/env bash
# Checks the sources without running them: formatting, clang-tidy, cppcheck, the include rule, the
# symbols that the built library exports, the updates, the versions, the shell scripts.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

pg_config=${PG_CONFIG:-pg_config}
server_headers=$("$pg_config" --includedir-server)
extension=customer_identity
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" $extension.control)
failed=0

check() {
  local name=$1
  shift
  if "$@"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    failed=1
  fi
}

formatting() {
  find src test/unit -name '*.[ch]pp' -print0 | xargs -0 clang-format --dry-run -Werror
}

# tidy FOLDERS -- FLAGS: all the folders' sources, compiled with the flags.
tidy() {
  local folders=()
  while [ "$1" != -- ]; do
    folders+=("$1")
    shift
  done
  find "${folders[@]}" -name '*.cpp' -print0 |
    xargs -0 -P "$(nproc)" -I{} clang-tidy --quiet {} "$@" 2> >(grep -E 'error:' >&2)
}

tidy_core() {
  tidy src/phone -- -std=c++20 -Isrc
}

tidy_extension() {
  local folders
  mapfile -t folders < <(find src -mindepth 1 -maxdepth 1 -not -name phone)
  tidy "${folders[@]}" -- -std=c++20 -Isrc -isystem "$server_headers" \
    -D_GNU_SOURCE -Wno-register -DCUSTOMER_IDENTITY_VERSION="$version"
}

run_cppcheck() {
  cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability \
    --inline-suppr --error-exitcode=1 -Isrc \
    -D'foreach(cell,list)=for(cell=list_head(list);cell;cell=lnext(list,cell))' src
}

# The rooms of src/: each knows those before it and itself, src/phone itself alone, src/module.cpp all of them.
rooms=(phone pg phones book search history totals identity loyalty verification sms administration)

# PostgreSQL is reached through src/pg/postgres.hpp alone; the arrows between rooms run one way.
include_rule() {
  local file header status=0
  while IFS=: read -r file header; do
    if [ "$file" != src/pg/postgres.hpp ] && [ -e "$server_headers/$header" ]; then
      echo "$file includes PostgreSQL's $header"
      status=1
    elif ! may_include "$file" "$header"; then
      echo "$file includes $header, which is above it"
      status=1
    fi
  done < <(grep -rE '^ *# *include' --include='*.[ch]pp' src |
    sed -E 's/: *# *include *[<"]([^>"]*).*/:\1/')
  return $status
}

# may_include FILE HEADER: whether the header's room, if it is one of ours, is the file's or below it.
may_include() {
  local from=${1#src/} to=${2%%/*} room
  from=${from%%/*}
  [ -d "src/$to" ] && [ "$from" != module.cpp ] && [ "$from" != "$to" ] || return 0
  [ "$from" != phone ] || return 1
  for room in "${rooms[@]}"; do
    [ "$room" != "$to" ] || return 0
    [ "$room" != "$from" ] || return 1
  done
  return 1
}

# sql/order names every file of sql/ once.
install_order() {
  diff <(cd sql && find . -name '*.sql' -not -path './updates/*' -not -path './released/*' | sed 's|^./||' | sort) \
    <(grep -v '^#' sql/order | grep . | sort)
}

# The library exports what the install scripts name, those of released versions too, each with its pg_finfo_, and
# nothing else.
exported_symbols() {
  diff --unchanged-line-format='' --old-line-format='missing: %L' --new-line-format='not for SQL: %L' \
    <(expected_symbols | sort -u) <(nm -D --defined-only $extension.so | awk '{ print $3 }' | sort -u)
}

expected_symbols() {
  echo Pg_magic_func
  echo _PG_init
  echo customer_identity_sms_launcher
  echo customer_identity_sms_worker
  awk '
    match($0, /CREATE (OR REPLACE )?(FUNCTION|PROCEDURE) [a-z_.]+/) {
      name = substr($0, RSTART, RLENGTH)
      sub(/.*[ .]/, "", name)
    }
    /MODULE_PATHNAME/ {
      symbol = name
      if (match($0, /MODULE_PATHNAME'"'"', *'"'"'[a-z_]+/)) {
        symbol = substr($0, RSTART, RLENGTH)
        sub(/.*'"'"'/, "", symbol)
      }
      print symbol
      print "pg_finfo_" symbol
    }
  ' "$extension--$version.sql" sql/released/*.sql
}

# The control file is the source of the version; META.json repeats it.
versions() {
  python3 - "$extension" "$version" <<'PYTHON'
import json, sys
name, version = sys.argv[1:]
meta = json.load(open("META.json"))
found = (meta["name"], meta["version"], meta["provides"][name]["version"])
if found != (name, version, version):
    sys.exit(f"META.json says {found}, {name}.control says {version}")
PYTHON
}

shell_scripts() {
  ! command -v shellcheck >/dev/null ||
    grep -rlE --exclude-dir=node_modules --exclude-dir=build --exclude-dir=.git '^#!/usr/bin/env bash' . |
    xargs shellcheck --severity=warning
}

check 'formatting (make format mends it)' formatting
check 'clang-tidy: src/phone' tidy_core
check 'clang-tidy: the extension' tidy_extension
check cppcheck run_cppcheck
check 'include rule' include_rule
check 'install order' install_order
check 'exported symbols' exported_symbols
check 'updates (make update-scripts writes them)' scripts/write_update.py --check
check 'META.json' versions
check 'shell scripts' shell_scripts
exit $failed
