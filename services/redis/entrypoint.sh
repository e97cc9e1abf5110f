#!/bin/sh
set -eu

case ${1:-} in
    -* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ]; then
    if [ "$(id -u)" = 0 ]; then
        find . ! -user redis -exec chown redis:redis {} +
        exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
    fi
    # The official build turns protected mode off, since a container's clients are never local:
    # https://redis.io/docs/latest/operate/oss_and_stack/management/security/
    case $* in
        *protected-mode*) ;;
        *) set -- "$@" --protected-mode no ;;
    esac
fi

exec "$@"
