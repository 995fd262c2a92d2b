#!/usr/bin/env bash
# Fills rooms of a server of its own, started for it. TANDEM_BINARY and LOADTEST_BINARY name the two programs; parameters are those of
# `loadtest rooms`. With TANDEM_CORES=1 the server has the first core for itself, and the generator the others.
set -euo pipefail

. "${BASH_SOURCE%/*}/own-server.sh"

server_core=()
generator_cores=()
if [ -n "${TANDEM_CORES:-}" ]; then
    server_core=(taskset -c 0)
    generator_cores=(taskset -c "1-$(($(nproc --all) - 1))")
fi
own_server "${server_core[@]}" "$TANDEM_BINARY"
"${generator_cores[@]}" "$LOADTEST_BINARY" rooms --url "ws://127.0.0.1:$port/ws" --ops "$ops" --server-pid "$server" "$@"
no_panic
