#!/usr/bin/env bash
# Runs a command against a server that notices what C++ leaves undefined:
#   scripts/sanitized.sh test/run pgtap
# The command gets the PG_CONFIG of a throw-away copy of the server, in which the extension is built with AddressSanitizer
# and UndefinedBehaviorSanitizer. What they report ends the server, is shown, and fails the command. Objects stay in
# build/sanitized.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || { echo "usage: scripts/sanitized.sh COMMAND [ARGUMENT...]" >&2; exit 2; }

original=${PG_CONFIG:-pg_config}
cxx=${CXX:-g++}
sanitizers=-fsanitize=address,undefined
copy=$(mktemp -d /tmp/customer_identity_sanitized.XXXXXX)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
chmod 755 "$copy"
install -m 666 /dev/null "$copy/log"

# A copy finds its files by their place beside its programs. Only the programs have to be copies.
copy_server() {
  local bindir folder
  bindir=$("$original" --bindir)
  mkdir -p "$copy$bindir"
  cp -L "$bindir"/* "$copy$bindir"
  for folder in $("$original" --pkglibdir) $("$original" --sharedir); do
    mkdir -p "$copy$folder"
    cp -Rs "$folder"/. "$copy$folder"
    find "$copy$folder" -name 'customer_identity*' -exec rm -rf {} +
  done
  export PG_CONFIG=$copy$bindir/pg_config
  preload "$copy$bindir/postgres"
}

# The runtime has to be there before the library that needs it, and to start before other libraries do: it asks for a
# message in a language, for which one of them may hold a lock. PostgreSQL frees by contexts: leaks are no leaks.
preload() {
  local runtime
  gcc -shared -fPIC -O0 -Wl,-z,initfirst -x c -o "$copy/first.so" - <<<'
    #include <stdlib.h>
    __attribute__((constructor)) static void first(void) { free(malloc(1)); }'
  runtime=$(realpath "$($cxx -print-file-name=libasan.so)"):$copy/first.so
  mv "$1" "$1.real"
  cat >"$1" <<SCRIPT
#!/usr/bin/env bash
export LD_PRELOAD=$runtime ASAN_OPTIONS=abort_on_error=1:detect_leaks=0
exec "\$0.real" "\$@" 2> >(LD_PRELOAD= exec tee -a "$copy/log" >&2)
SCRIPT
  chmod 755 "$1"
}

build() {
  local source=build/sanitized
  mkdir -p "$source"
  cp -Ru --preserve=timestamps Makefile customer_identity.control plans scripts sql src "$source"
  nice make -s --no-print-directory -C "$source" -j"$(nproc)" install PG_CONFIG="$original" DESTDIR="$copy" with_llvm=no \
    CC="gcc $sanitizers" CXX="$cxx $sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer -g1" \
    EXTENSION_CXXFLAGS='-std=c++20 -Wno-register -fvisibility=hidden -fvisibility-inlines-hidden'
}

copy_server
build
status=0
"$@" || status=$?
if grep -qE 'runtime error:|ERROR: AddressSanitizer' "$copy/log"; then
  echo 'not ok - a sanitizer reports:'
  grep -m 5 -E -A 40 'runtime error:|ERROR: AddressSanitizer' "$copy/log"
  status=1
fi
exit "$status"
