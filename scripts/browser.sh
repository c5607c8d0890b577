#!/usr/bin/env bash
# Prints the path of a Chromium that the browser tests can drive: CHROMIUM, else one of the PATH. A program that only
# says which snap to install is none.
set -euo pipefail

for name in ${CHROMIUM:-chromium chromium-browser google-chrome google-chrome-stable}; do
  browser=$(command -v "$name") || continue
  if "$browser" --version 2>/dev/null </dev/null | grep -E '^(Chromium|Google Chrome) [0-9]' >/dev/null; then
    echo "$browser"
    exit
  fi
done
echo "There is no Chromium. CHROMIUM may name one." >&2
exit 1
