#!/usr/bin/env bash
# Attacks a server of its own, started for it. TANDEM_BINARY and LOADTEST_BINARY name the two programs; parameters are those of
# `loadtest attack`. The full form, as root: loadtest/attack.sh --number 1000000 --joins 20 --forge
set -euo pipefail

. "${BASH_SOURCE%/*}/own-server.sh"

# Sessions that left are gone before memory is looked at.
TANDEM__CALLS__RESUME_TIMEOUT_S=1 own_server "$TANDEM_BINARY"
"$LOADTEST_BINARY" attack --url "ws://127.0.0.1:$port/ws" --server-pid "$server" "$@"
no_panic
