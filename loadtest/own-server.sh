# To be sourced: `own_server COMMAND…` starts a server for the script alone, with a data folder of its own, and ends it with the script.
# It sets $server (its pid), $port, $ops (host:port of the operator's listener), and $data, where `log` and `printed` are.

data=$(mktemp -d)

own_server() {
    touch "$data/printed"
    "$@" --listen 127.0.0.1:0 --ops-listen 127.0.0.1:0 --data "$data" >"$data/printed" 2>"$data/log" &
    server=$!
    trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$data"' EXIT
    for _ in $(seq 100); do
        port=$(sed -n 's|.*http://localhost:\([0-9]*\)/$|\1|p' "$data/printed")
        ops=$(sed -n 's|.*http://\(.*\)/metrics$|\1|p' "$data/printed")
        if [ -n "$port" ] && [ -n "$ops" ]; then
            return
        fi
        sleep 0.1
    done
    cat "$data/log" >&2
    echo "the server did not say where it listens" >&2
    return 1
}

# The transports' fault boundary catches a panic and says so.
no_panic() {
    if grep -i panic "$data/log"; then
        echo "the server panicked" >&2
        return 1
    fi
}
