#!/bin/sh
# Does what people use the official image for: a database and its owner out of POSTGRES_*, in a volume, once.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    chown postgres "$PGDATA"
    chmod 700 "$PGDATA"
    umask 077
    echo "$POSTGRES_PASSWORD" >/tmp/password
    chown postgres /tmp/password
    chroot --userspec=postgres / initdb --username="$POSTGRES_USER" --pwfile=/tmp/password \
        --auth=scram-sha-256 --no-sync --no-locale --encoding=UTF8 -D "$PGDATA"
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\"" |
        chroot --userspec=postgres / postgres --single -D "$PGDATA" postgres
fi
mkdir -p /var/run/postgresql
chown postgres /var/run/postgresql
exec chroot --userspec=postgres / postgres -D "$PGDATA" -c 'listen_addresses=*' -c fsync=off
