#!/usr/bin/env bash
# Schemathesis against the API of a server of its own: what the OpenAPI document says has to be so, whatever is sent.
#
#   TANDEM_BINARY=… tests/api/run.sh          the short form
#   TANDEM_BINARY=… tests/api/run.sh full     at least 2,000 examples
#
# Installs Schemathesis from PyPI into .venv, once. TANDEM_SEED=n replays a run.
set -euo pipefail
cd "$(dirname "$0")"

binary=${TANDEM_BINARY:?the binary under test}
venv=.venv
case ${1:-short} in
    short) examples=10 ;;
    full) examples=250 ;;
    *) echo "expected nothing or full" >&2; exit 2 ;;
esac

if ! cmp -s requirements.txt "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement requirements.txt
    cp requirements.txt "$venv/requirements.txt"
fi

. ../../loadtest/own-server.sh
key=$(openssl rand -hex 32)
openssl rand -hex 32 | tr -d '\n' >"$data/token.secret"
TANDEM__API__KEYS=$key TANDEM__AUTH__MODE=token TANDEM__AUTH__KEYS="test:$data/token.secret" TANDEM__LOG__FILTER=warn \
    own_server "$binary"

# What one drains, another cannot use: by itself, and last.
status=0
for what in --exclude-operation-id --include-operation-id; do
    SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$PWD "$venv/bin/schemathesis" run "http://127.0.0.1:$port/api/v1/openapi.json" \
        "$what" start_drain --header "Authorization: Bearer $key" --checks all --mode all --max-examples "$examples" \
        --generation-database :memory: --seed "${TANDEM_SEED:-$RANDOM}" --no-color || status=$?
done
kill -0 "$server" || { echo "the server ended" >&2; status=1; }
cat "$data/log" >&2
if grep -q -e panicked -e ERROR "$data/log"; then
    status=1
fi
exit "$status"
