#!/usr/bin/env bash
# A PostgreSQL server of one's own for tests: in a new folder, on a free port of 127.0.0.1, and gone when standard input ends.
# CLUSTER_ADDRESS is another address to listen on, for whoever is on a network with it.
# Prints the URL of its first database. Then it takes a line at a time and answers each with "done": create NAME (a database),
# stop and continue (all of its processes), kill (as the kernel does it), start (again, with the same data on the same port).
set -euo pipefail

# In a session of its own: whoever ends the tests by their process group does not end this before it has cleared away.
if [ -z "${CLUSTER_SESSION:-}" ]; then
    CLUSTER_SESSION=1 exec setsid --wait "$0"
fi

for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -Vr) "$(dirname "$(readlink -f "$(command -v initdb || echo /none/none)")")"; do
    [ -x "$bin/initdb" ] && [ -x "$bin/psql" ] && break
done
if ! [ -x "$bin/initdb" ]; then
    echo "these tests need PostgreSQL, and there is no initdb: apt-get install postgresql" >&2
    exit 1
fi

address=${CLUSTER_ADDRESS:-127.0.0.1}
folder=$(mktemp -d "${TMPDIR:-/tmp}/tandem-postgres.XXXXXX")
password=a-password-of-tests
echo "$password" >"$folder/password"
as=()
if [ "$(id -u)" = 0 ]; then
    # It does not run as root.
    chown -R postgres: "$folder"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
fi
cd "$folder"
pid=

family() { echo "$pid $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)"; }

kill_all() {
    if [ -n "$pid" ]; then
        kill -STOP "$pid" 2>/dev/null || true
        # shellcheck disable=SC2046
        kill -KILL $(family) 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        pid=
    fi
}
trap 'kill_all; rm -rf "$folder"' EXIT

# Ordered by a language and not by bytes: what has to be ordered alike everywhere has to say so itself.
"${as[@]}" "$bin/initdb" -D data -U tandem --pwfile=password -A scram-sha-256 -E UTF8 --locale=C.UTF-8 --locale-provider=icu \
    --icu-locale=en --no-sync --no-instructions >log 2>&1 || { cat log >&2; exit 1; }

# Everybody comes by TLS and checks who it is.
{
    key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    openssl req -x509 "${key[@]}" -days 2 -subj /CN=tests -keyout ca.key -out ca.pem
    openssl req "${key[@]}" -subj /CN=localhost -keyout server.key -out server.csr
    echo "subjectAltName=IP:$address" >names
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt
    [ ${#as[@]} = 0 ] || chown postgres: server.key
    sed -i 's/^host /hostssl /' data/pg_hba.conf
    [ "$address" = 127.0.0.1 ] || echo "hostssl all all samenet scram-sha-256" >>data/pg_hba.conf
} >>log 2>&1 || { cat log >&2; exit 1; }

start() {
    "${as[@]}" "$bin/postgres" -D data -k "$folder" -p "$port" -c listen_addresses="$address" -c fsync=off -c full_page_writes=off \
        -c ssl=on -c ssl_cert_file="$folder/server.crt" -c ssl_key_file="$folder/server.key" -c max_connections=500 -c shared_buffers=32MB -c log_min_messages=fatal </dev/null >>log 2>&1 &
    pid=$!
    until "$bin/pg_isready" -q -h "$address" -p "$port"; do
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.05
    done
}

port=$((20000 + RANDOM % 12000))
for attempt in 1 2 3 4 5 6 7 8; do
    start && break
    [ "$attempt" = 8 ] && { cat log >&2; exit 1; }
    port=$((20000 + RANDOM % 12000))
done
echo "postgres://tandem:$password@$address:$port/postgres?sslmode=verify-full&sslrootcert=$folder/ca.pem"

while read -r what name; do
    case $what in
    create) PGPASSWORD=$password "$bin/psql" -q -h "$address" -p "$port" -U tandem -d postgres -c "CREATE DATABASE \"$name\"" >>log 2>&1 ;;
    # shellcheck disable=SC2046
    stop) kill -STOP $(family) ;;
    # shellcheck disable=SC2046
    continue) kill -CONT $(family) ;;
    kill) kill_all ;;
    start) start ;;
    *) echo "unknown: $what" >&2; exit 1 ;;
    esac
    echo "done"
done
