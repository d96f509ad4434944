#!/bin/sh
# The steps of db-migration.yml, by the store that SECAGG_STORE names.
#
# Usage: scripts/db_cycle.sh install | revision | rehearse | up | down REVISION | backup DIR KEY
#   install   puts secagg into .cache/store-venv, from the hashed lock
#   rehearse  the first revision, dry run, up, validate, backup, down to the first again, and up
#   backup    writes a backup into DIR, encrypted for a public GPG key, with its checksum
set -eu
cd "$(dirname "$0")/.."
venv=${SECAGG_VENV:-.cache/store-venv}
secagg=$venv/bin/secagg

revision() { $secagg db current | sed -n 's/^revision: //p'; }

up() {
    $secagg db upgrade --dry-run
    $secagg db upgrade
    $secagg db validate
}

down() {
    $secagg db downgrade "$1"
    [ "$(revision)" = "$1" ]
    $secagg db validate
}

backup() {
    directory=$1 key=$2
    if [ -z "$key" ]; then
        echo "db_cycle: no public key for the backup: set BACKUP_RECIPIENT" >&2
        exit 1
    fi
    mkdir -p "$directory"
    plain=$(mktemp -d)
    trap 'rm -rf "$plain"' EXIT
    $secagg db backup "$plain/store.backup"
    # A backup that cannot be restored is none.
    $secagg db restore "$plain/store.backup" --dry-run
    printf '%s\n' "$key" >"$plain/key.asc"
    gpg --homedir "$plain" --batch --yes --trust-model always --recipient-file "$plain/key.asc" \
        --output "$directory/store.backup.gpg" --encrypt "$plain/store.backup"
    (cd "$directory" && sha256sum store.backup.gpg >store.backup.gpg.sha256)
}

case "$1" in
    install)
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --require-hashes --no-deps --only-binary :all: -r requirements/runtime.txt
        "$venv/bin/pip" install --quiet --no-deps --no-build-isolation --no-index .
        ;;
    revision) revision ;;
    up) up ;;
    down) down "$2" ;;
    backup) backup "$2" "$3" ;;
    rehearse)
        $secagg db upgrade 0001
        up
        latest=$(revision)
        copy=$(mktemp -d)
        $secagg db backup "$copy/store.backup"
        $secagg db restore "$copy/store.backup" --dry-run
        down 0001
        up
        [ "$(revision)" = "$latest" ]
        rm -rf "$copy"
        ;;
    *)
        echo "db_cycle: unknown step: $1" >&2
        exit 2
        ;;
esac
