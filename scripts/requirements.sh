#!/usr/bin/env bash
# Says which of the things that the extension is built from are missing, and how the packages are called that have
# them. The Makefile gives CXX, CPPFLAGS and LDFLAGS. Runs with the bash of macOS as well.
set -uo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
missing=0

# compiles CODE [ARGUMENT...]
compiles() {
  echo "$1" >"$scratch/try.cpp"
  # shellcheck disable=SC2086  # flags are words
  ${CXX:-c++} -std=c++20 ${CPPFLAGS:-} "$scratch/try.cpp" -o "$scratch/try" "${@:2}" >"$scratch/said" 2>&1
}

# needs WHAT DEBIAN ALPINE HOMEBREW CODE [ARGUMENT...]
needs() {
  compiles "${@:5}" && return
  [ "$missing" -ne 0 ] || echo "The extension cannot be built yet. Missing:" >&2
  missing=1
  echo "  $1 (Debian: $2; Alpine: $3; Homebrew: $4)" >&2
}

if ! compiles '#include <concepts>
  template <std::integral T> T same(T t) { return t; }
  int main() { return same(0); }' -c; then
  echo "${CXX:-c++} does not compile C++20. Set CXX to GCC 11, Clang 14 or a newer one:" >&2
  head -n 5 "$scratch/said" >&2
  exit 1
fi
needs "PostgreSQL's headers for servers" postgresql-server-dev-NN postgresqlNN-dev postgresql@NN '
  extern "C" {
  #include <postgres.h>
  }' -c -Wno-register
needs 'the headers of libphonenumber' libphonenumber-dev libphonenumber-dev libphonenumber '
  #include <phonenumbers/phonenumberutil.h>' -c
needs 'the headers of nlohmann-json' nlohmann-json3-dev nlohmann-json nlohmann-json '
  #include <nlohmann/json.hpp>' -c
needs 'the headers of libcurl' libcurl4-openssl-dev curl-dev curl '
  #include <curl/curl.h>' -c
# shellcheck disable=SC2086  # flags are words
needs 'the libraries phonenumber and protobuf' 'libphonenumber-dev libprotobuf-dev' 'libphonenumber-dev protobuf-dev' \
  'libphonenumber protobuf' 'int main() {}' ${LDFLAGS:-} -lphonenumber -lprotobuf

if [ "$missing" -ne 0 ] && [ "$(uname -s)" = Darwin ]; then
  echo "The compiler finds Homebrew's by: export CPATH=\$(brew --prefix)/include LIBRARY_PATH=\$(brew --prefix)/lib" >&2
fi
exit "$missing"
