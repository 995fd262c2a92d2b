#!/usr/bin/env bash
# Fills rooms of a server of its own, started for it. TANDEM_BINARY and LOADTEST_BINARY name the two programs; parameters are those of
# `loadtest rooms`. With TANDEM_CORES=1 the server has the first core for itself, and the generator the others.
set -euo pipefail

data=$(mktemp -d)
touch "$data/printed"
server_core=()
generator_cores=()
if [ -n "${TANDEM_CORES:-}" ]; then
    server_core=(taskset -c 0)
    generator_cores=(taskset -c "1-$(($(nproc --all) - 1))")
fi
"${server_core[@]}" "$TANDEM_BINARY" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --data "$data" >"$data/printed" 2>"$data/log" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 100); do
    port=$(sed -n 's|.*http://localhost:\([0-9]*\)/$|\1|p' "$data/printed")
    ops=$(sed -n 's|.*http://\(.*\)/metrics$|\1|p' "$data/printed")
    [ -n "$port" ] && [ -n "$ops" ] && break
    sleep 0.1
done
"${generator_cores[@]}" "$LOADTEST_BINARY" rooms --url "ws://127.0.0.1:$port/ws" --ops "$ops" --server-pid "$server" "$@"
# The transports' fault boundary catches a panic and says so.
if grep -i panic "$data/log"; then
    echo "the server panicked" >&2
    exit 1
fi
