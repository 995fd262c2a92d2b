#!/usr/bin/env bash
# Attacks a server of its own, started for it. TANDEM_BINARY and LOADTEST_BINARY name the two programs; parameters are those of
# `loadtest attack`. The full form, as root: loadtest/attack.sh --number 1000000 --joins 20 --forge
set -euo pipefail

data=$(mktemp -d)
touch "$data/printed"
# Sessions that left are gone before memory is looked at.
TANDEM__CALLS__RESUME_TIMEOUT_S=1 "$TANDEM_BINARY" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --data "$data" >"$data/printed" 2>"$data/log" &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 100); do
    port=$(sed -n 's|.*http://localhost:\([0-9]*\)/$|\1|p' "$data/printed")
    [ -n "$port" ] && break
    sleep 0.1
done
"$LOADTEST_BINARY" attack --url "ws://127.0.0.1:$port/ws" --server-pid "$server" "$@"
# The transports' fault boundary catches a panic and says so.
if grep -i panic "$data/log"; then
    echo "the server panicked" >&2
    exit 1
fi
