#!/bin/bash
set -eo pipefail

case ${1:-} in
    -*) set -- postgres "$@" ;;
esac
if [ "${1:-}" != postgres ]; then
    exec "$@"
fi

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres:postgres {} +
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

# read_setting NAME DEFAULT: exports NAME from NAME_FILE's content, its own value or the default.
read_setting() {
    local file=${1}_FILE
    if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then
        echo "Set either $1 or $file, not both" >&2
        exit 1
    fi
    if [ -n "${!file:-}" ]; then
        export "$1=$(cat "${!file}")"
    else
        export "$1=${!1:-$2}"
    fi
}

run_init_files() {
    local file
    shopt -s nullglob
    for file in /docker-entrypoint-initdb.d/*; do
        echo "Init file $file"
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) sql --dbname "$POSTGRES_DB" --file "$file" ;;
            *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
        esac
    done
}

sql() {
    psql --no-psqlrc --no-password --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"
}

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    read_setting POSTGRES_PASSWORD
    read_setting POSTGRES_USER postgres
    read_setting POSTGRES_DB "$POSTGRES_USER"
    read_setting POSTGRES_INITDB_ARGS
    if [ -z "$POSTGRES_PASSWORD" ]; then
        echo "Set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE" >&2
        exit 1
    fi

    # The builtin locale sorts the same in every image; the official image's en_US.utf8 comes from its C library.
    # https://www.postgresql.org/docs/17/locale.html#LOCALE-PROVIDERS
    # shellcheck disable=SC2086  # the variable holds several arguments
    initdb --username="$POSTGRES_USER" --pwfile=<(echo "$POSTGRES_PASSWORD") --encoding=UTF8 --locale=C.UTF-8 \
        --locale-provider=builtin --builtin-locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
        --set listen_addresses='*' $POSTGRES_INITDB_ARGS
    # A first start whose init file failed must not look like a finished one to the next start.
    trap 'pg_ctl stop --mode immediate --silent || true; find "$PGDATA" -mindepth 1 -delete' EXIT

    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"

    # No TCP until the init files are done, so that a client never sees half a database.
    pg_ctl start --wait --silent --options "$(printf '%q ' "${@:2}" -c listen_addresses=)"
    if [ "$POSTGRES_DB" != postgres ]; then
        echo 'CREATE DATABASE :"name"' | sql --dbname postgres --set name="$POSTGRES_DB"
    fi
    run_init_files
    pg_ctl stop --wait --silent --mode fast
    trap - EXIT
fi

unset POSTGRES_PASSWORD
exec "$@"
