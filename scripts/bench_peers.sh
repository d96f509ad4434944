#!/bin/sh
# Installs what the benchmark compares secagg with from npm, by scripts/npm-bench/package-lock.json:
# Microsoft's SARIF multitool (104 MB), a program that brings its own .NET. sarif-tools, the other
# peer, comes with the development requirements. Needs npm; without it the peer is left out, and the
# benchmark's table says so. A second run takes no time and no network.
set -eu
cd "$(dirname "$0")/npm-bench"

stamp=node_modules/.installed
want=$(cat package.json package-lock.json | cksum)
[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && exit 0
without() { echo "bench: $1, so Microsoft's SARIF multitool is not measured" >&2; exit 0; }
npm=$(command -v npm) || without "no npm"
echo "bench: installing Microsoft's SARIF multitool" >&2
"$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error ||
    without "npm could not install it"
# The package's install script, which is not run, does nothing else but this.
chmod u+x node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool
printf '%s\n' "$want" >"$stamp"
