#!/usr/bin/env bash
# Passes all tests, fast ones first. Installs what they need that is missing: Chromium, Firefox ESR, promtool, Pebble (an ACME
# server), PostgreSQL, Redis, valgrind, GStreamer and the tools of the NAT laboratory from Debian's packages, aiortc and Schemathesis from PyPI, the rest from npm. Needs a Rust
# toolchain, Node.js and Python.
#
#   ./test.sh            everything
#   ./test.sh quick      what needs no browser
#   ./test.sh browsers   only what runs in real browsers: the stories and the short NAT laboratory, which takes root
set -euo pipefail
cd "$(dirname "$0")"

what=${1:-everything}
target=${CARGO_TARGET_DIR:-target}
stage() { printf '\n=== %s (%d s since the start)\n' "$1" "$SECONDS"; }

missing=()
for pair in chromium:chromium firefox-esr:firefox-esr promtool:prometheus pebble:pebble ip:iproute2 nft:nftables certutil:libnss3-tools openssl:openssl curl:curl turnutils_uclient:coturn initdb:postgresql redis-server:redis-server valgrind:valgrind; do
    # Debian has PostgreSQL's own beside the path.
    command -v "${pair%%:*}" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if ((${#missing[@]})); then
    stage "install ${missing[*]}"
    as_root=$([ "$(id -u)" = 0 ] || echo sudo)
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# One build of the libraries, the dear part, serves the lint, the tests and the release binary. Only our own code is compiled for the
# tests with checks of its own.
ours=profile.release.package.tandem
checked=(--config "$ours.opt-level=0" --config "$ours.debug-assertions=true" --config "$ours.overflow-checks=true")

if [ "$what" != browsers ]; then
    stage "format and lint"
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets --quiet -- -D warnings
    stage "alert rules"
    promtool check rules --lint-fatal ops/prometheus/alerts.yml
    promtool test rules ops/prometheus/alerts.test.yml
    stage "the page: types, lint, unit tests"
    (cd web && npm ci --no-audit --no-fund --ignore-scripts --silent && npm run --silent check)
    stage "unit, property and simulation tests, and the real binary"
    TANDEM_SEEDS=${TANDEM_SEEDS:-1000} cargo test --release --workspace --quiet "${checked[@]}"
fi

if [ "$what" != quick ]; then
    stage "build the release binaries"
    cargo build --release --workspace --quiet
    (cd web && npm ci --no-audit --no-fund --ignore-scripts --silent)
    stage "instructions for a packet"
    node benches/instructions.mjs one_to_ten one_to_ten_in_bursts
    stage "barriers in every state of the page"
    (cd web && npm run --silent axe)
    stage "stories in Chromium and Firefox"
    binary=$(cd "$target" && pwd)/release/tandem
    # The limits of a busy machine.
    (cd web && TANDEM_BINARY=$binary TANDEM_STRETCH=3 npm run --silent e2e)
    stage "what lasts, in PostgreSQL"
    (cd web && TANDEM_E2E_STORE=postgres TANDEM_KINDS=chromium TANDEM_BINARY=$binary TANDEM_STRETCH=3 \
        node --test --test-concurrency=1 --test-reporter=spec e2e/stories/lasting.test.mjs)
    stage "what the OpenAPI document says, and all else that may be sent"
    TANDEM_BINARY=$binary tests/api/run.sh
    stage "foreign WebRTC stacks"
    TANDEM_BINARY=$binary node tests/foreign/run.mjs
    stage "an attack on a server that carries a call"
    as_root=$([ "$(id -u)" = 0 ] || echo sudo)
    $as_root env TANDEM_BINARY="$binary" LOADTEST_BINARY="${binary%/*}/loadtest" loadtest/attack.sh --number 200000 --joins 4 --forge
    stage "a room of twelve without a lost packet"
    TANDEM_BINARY="$binary" LOADTEST_BINARY="${binary%/*}/loadtest" loadtest/rooms.sh --participants 12 --tiles 9 --warm-up 8 --seconds 10
    stage "an encoder and its players, by WHIP and WHEP"
    TANDEM_BINARY="$binary" LOADTEST_BINARY="${binary%/*}/loadtest" loadtest/rooms.sh --whip --participants 6 --publishers 1 --speakers 1 --warm-up 2 --seconds 3
    stage "calls and a room over a kill, a restart, an upgrade"
    "${binary%/*}/loadtest" fault kill9 --server "$binary" --runs 1 --participants 10 --back-p50-max-ms 5000
    "${binary%/*}/loadtest" fault kill9 --server "$binary" --direct --runs 1 --talks 5 --sound-gap-p99-max-ms 500
    "${binary%/*}/loadtest" fault restart --server "$binary" --runs 1 --talks 5 --participants 2 --back-p50-max-ms 5000
    "${binary%/*}/loadtest" fault upgrade --server "$binary" --runs 1 --talks 5 --participants 2 --sound-gap-p99-max-ms 2000
    stage "transports that panic, or come to no end, in a room of twelve"
    "${binary%/*}/loadtest" fault transport-panic --server "$binary" --participants 12 --runs 20 --back-p50-max-ms 3000
    stage "a node that is stopped"
    TANDEM_BINARY="$binary" LOADTEST_BINARY="${binary%/*}/loadtest" loadtest/drain.sh --runs 1 --talks 5 --sound-gap-p99-max-ms 2000
    stage "pages that do nothing"
    "${binary%/*}/loadtest" idle --server "$binary" --number 1000 --seconds 3 --kib-max 40
    stage "calls of two, and others that join while they run"
    # The limits of a busy machine, here and below.
    "${binary%/*}/loadtest" talks --server "$binary" --calls 5 --silent 5 --joins 5 --seconds 3 --warm-up 2 \
        --missing-percent-max 2 --delay-p99-max-ms 500 --join-p50-max-ms 500 --kib-max 700
    stage "the floor of this machine, and the server beside it"
    "${binary%/*}/loadtest" compare --server "$binary" --subscribers 2 --runs 1 --seconds 2 --warm-up 2 --ratio-max 20
    stage "calls between simulated networks"
    # The limits of a busy machine: docs/natlab.md has those of an idle one.
    $as_root env TANDEM_BINARY="$binary" TANDEM_LAB_MEDIAN_S_MAX=4 TANDEM_LAB_WORST_S_MAX=12 TANDEM_LAB_MOVE_MEDIAN_S_MAX=8 \
        TANDEM_LAB_LOW_S_MAX=8 TANDEM_LAB_FREEZE_S_MAX=4 TANDEM_LAB_QUIET_S_MAX=3 TANDEM_LAB_BACK_S_MAX=60 \
        "$(command -v node)" tests/natlab/run.mjs short
    stage "browsers at three nodes, while Redis and a node fail"
    $as_root env TANDEM_BINARY="$binary" TANDEM_STRETCH=3 "$(command -v node)" tests/natlab/nodes.mjs short
fi

stage "all passed"
