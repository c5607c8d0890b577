#!/usr/bin/env bash
# Formats the C++ sources in place.
set -euo pipefail
cd "$(dirname "$0")/.."

find src test/unit -name '*.[ch]pp' -print0 | xargs -0 clang-format -i
