#!/bin/sh
# Loads `secagg serve` on this machine with so many users for so many seconds, and writes what locust
# measured into NAME_*.csv and NAME-report.html. Fails if a request failed, or if the server does not
# answer any more when the users have gone. With SECAGG_REFUSALS=apart a request that is refused for the
# number of clients (503) is counted apart and is no failure.
#
# Usage: scripts/load_test.sh USERS SECONDS NAME
set -eu
cd "$(dirname "$0")/.."
users=$1 seconds=$2 name=$3
venv=.cache/load-venv
if [ ! -x $venv/bin/locust ]; then
    python3 -m venv $venv
    $venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r requirements/performance.txt
    $venv/bin/pip install --quiet --no-deps --no-build-isolation --no-index .
fi
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
git init -q "$work/repository"
# 3 is incomplete: some of these reports are of tools that failed.
$venv/bin/secagg parse fixtures/reports/trivy/*.json --root "$work/repository" --store "$work/store.db" \
    --output "$work/out" --quiet || [ $? -le 3 ]
$venv/bin/secagg serve --store "$work/store.db" --root "$work/repository" --all-repos >"$work/serve.log" 2>&1 &
server=$!
address=
tries=0
while [ -z "$address" ]; do
    tries=$((tries + 1))
    if [ "$tries" -ge 60 ] || ! kill -0 "$server"; then
        cat "$work/serve.log" >&2
        exit 1
    fi
    sleep 1
    address=$(sed -n 's#.*\(http://127\.0\.0\.1:[0-9]*/[^ ]*\).*#\1#p' "$work/serve.log" | head -n 1)
done
# The address holds a token that is good once: it is exchanged for the cookie of all users.
curl --fail --silent --location --output /dev/null --cookie-jar "$work/cookies" "$address"
SECAGG_SESSION=$(awk -F '\t' 'NF == 7 { print $6 "=" $7 }' "$work/cookies" | head -n 1)
export SECAGG_SESSION
$venv/bin/locust --locustfile tests/load/locustfile.py --headless --host "$(printf %s "$address" | cut -d/ -f1-3)" \
    --users "$users" --spawn-rate 10 --run-time "${seconds}s" --stop-timeout 5 \
    --csv "$name" --html "$name-report.html" --exit-code-on-error 1
curl --fail --silent --output /dev/null --cookie "$SECAGG_SESSION" "$(printf %s "$address" | cut -d/ -f1-3)/"
