#!/usr/bin/env bash
# Checks the sources without running them, and says what it checks:
#   scripts/lint.sh [CHECK...]       the named checks, or all of them
set -uo pipefail
cd "$(dirname "$0")/.." || exit

pg_config=${PG_CONFIG:-pg_config}
server_headers=$("$pg_config" --includedir-server)
extension=customer_identity
version=$(sed -n "s/^default_version *= *'\(.*\)'/\1/p" $extension.control)
failed=0
asked=$*

# check NAME TITLE: runs it, if it was asked for.
check() {
  local start=$SECONDS
  [[ " $asked " == *" $1 "* || -z $asked ]] || return
  if "$1"; then
    echo "ok      $2 ($((SECONDS - start)) s)"
  else
    echo "FAILED  $2"
    failed=1
  fi
}

formatting() {
  find src test/unit -name '*.[ch]pp' -print0 | xargs -0 clang-format --dry-run -Werror
}

# Files that were fine and have not changed since are left out.
clang_tidy() {
  make -s -k -j"$(nproc)" -Otarget --no-print-directory tidy
}

cpp_check() {
  cppcheck --quiet --std=c++20 --language=c++ --enable=warning,performance,portability \
    --inline-suppr --error-exitcode=1 -Isrc \
    -D'foreach(cell,list)=for(cell=list_head(list);cell;cell=lnext(list,cell))' src
}

include_rule() {
  scripts/include_rule.py "$server_headers"
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

updates() {
  scripts/write_update.py --check
}

versions() {
  scripts/same_version.py
}

meta() {
  scripts/check_meta.py
}

licences() {
  scripts/licences.py
}

# files_with PATTERN: our own files with a line like that.
files_with() {
  grep -rlIE --exclude-dir={node_modules,build,.git} "$1" . | sort
}

python_names() {
  find . -name '*.py' -not -path '*/node_modules/*' -not -path './build/*' -print0 | xargs -0 pyflakes3
}

# Python where no editor and no linter looks for it: in a file of another name, in a shell script.
python_files() {
  ! files_with '^#!.*python|^[^#]*python3? .*<<' | grep -v '\.py$'
}

# What people read, as FILE:LINE:TEXT: documents without `code`, SQL, strings of C++ that are sentences.
texts() {
  grep -rn '' --include='*.md' --exclude-dir={.git,build,node_modules} . | sed 's/`[^`]*`//g'
  grep -rn '' --include='*.sql' --exclude-dir={released,updates} sql
  grep -rnoE '"([^"\\]|\\.)*"' --include='*.[ch]pp' src | grep ' ' || true
}

# Words that mean something else in PostgreSQL's documentation: say outcome, lock or leader, take effect, decide or
# classify, release, maximum.
words_of_the_field() {
  ! texts | grep -iE '^[^:]*:[0-9]+:.*\b(verdicts?|dut(y|ies)|heed(s|ed)?|judg(e|es|ed|ing)|retire[sd]?|retiring|at the most|most_[a-z_]+)\b'
}

shell_scripts() {
  ! command -v shellcheck >/dev/null ||
    files_with '^#!/usr/bin/env bash' | grep -v '\.py$' | xargs shellcheck --severity=warning
}

rules() {
  test/lint/run.py
}

check formatting 'formatting (make format mends it)'
check include_rule 'arrows between rooms run one way'
check install_order 'sql/order names every file'
check exported_symbols 'the library exports what SQL calls, and nothing else'
check updates 'sql/updates is what make update-scripts writes'
check versions 'META.json, CHANGELOG.md and debian/changelog have the version'
check meta 'META.json is what PGXN takes'
check licences 'NOTICE.md names what comes from others'
check words_of_the_field 'words of the field'
check shell_scripts shellcheck
check python_names pyflakes
check python_files 'Python is in files named *.py'
check rules 'these rules find what is planted'
check cpp_check cppcheck
check clang_tidy clang-tidy
exit $failed
