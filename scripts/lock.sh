#!/bin/sh
# Writes requirements/*.txt and the package-lock.json files anew: every package that the project
# is developed with, by exact version and hash, for all supported Python versions at once. No
# index address and no path is written, so that the lock is the same wherever it was made.
#
# Usage: scripts/lock.sh [--upgrade]     (needs the network, and .venv/bin/uv: make lock puts it there)
set -eu
cd "$(dirname "$0")/.."

compile() {
    output=$1
    shift
    # --no-config: nothing of the machine's own settings shall get into the lock.
    .venv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --no-build \
        --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
        --custom-compile-command "make lock" --output-file "$output" "$@"
}

compile requirements/dev.txt "$@" --all-extras pyproject.toml requirements/build.in
# What runs elsewhere is what the tests ran with: no other lock has another version of a package.
set -- "$@" --constraint requirements/dev.txt
# What the action installs on a runner: no tool for tests, and no scanner.
compile requirements/runtime.txt "$@" --extra postgres pyproject.toml requirements/build.in
# What the action installs besides that where it signs evidence: only what the runtime lacks.
compile requirements/attest.txt "$@" --extra postgres --extra attest pyproject.toml requirements/build.in
.venv/bin/python - requirements/attest.txt requirements/runtime.txt <<'END'
import re, sys
from pathlib import Path

lock, runtime = (re.split(r"(?m)^(?=[^ #\n])", Path(name).read_text()) for name in sys.argv[1:])
present = set(runtime[1:])
Path(sys.argv[1]).write_text("".join(entry for entry in lock if entry not in present))
END
# What the image has: the runtime, and what serves.
compile requirements/serve.txt "$@" --extra postgres --extra serve --extra login pyproject.toml requirements/build.in
# What single workflows need: none of it is for tests.
compile requirements/docs.txt "$@" --extra serve pyproject.toml requirements/build.in requirements/docs.in
compile requirements/performance.txt "$@" --extra serve pyproject.toml requirements/build.in requirements/performance.in
compile requirements/release.txt "$@" requirements/release.in
compile requirements/node.txt "$@" requirements/node.in
for directory in scripts/npm scripts/npm-bench scripts/docs secagg/tools/npm; do
    (cd "$directory" && npm install --package-lock-only --ignore-scripts --no-audit --no-fund \
        --omit-lockfile-registry-resolved --loglevel=error)
done

if grep -nE '://|file:' requirements/*.txt || grep -n '"resolved"' scripts/*/package-lock.json secagg/tools/npm/package-lock.json; then
    echo "lock: an address got into a lock file" >&2
    exit 1
fi
