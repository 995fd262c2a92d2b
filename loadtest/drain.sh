#!/usr/bin/env bash
# Stops one of two nodes under calls that go on at the other (`loadtest fault drain`), with a PostgreSQL made for it. TANDEM_BINARY and
# LOADTEST_BINARY name the two programs; parameters are those of `loadtest fault`. Needs redis-server and PostgreSQL.
set -euo pipefail

coproc database { "${BASH_SOURCE%/*}/../tests/postgres/cluster.sh"; }
read -r url <&"${database[0]}"
"$LOADTEST_BINARY" fault drain --server "$TANDEM_BINARY" --store-url "$url" "$@"
