#!/usr/bin/env bash
# Makes the files of a release in ops/out/: the binary for Linux, which runs on every distribution with glibc 2.28 or newer (Debian 10,
# RHEL 8, Ubuntu 20.04), its software bill of materials (CycloneDX), and their checksums.
#
# Needs, besides Rust and Node.js: cargo-zigbuild with zig (`pip install cargo-zigbuild`), whose linker knows the old glibc, and
# cargo-cyclonedx (`cargo install cargo-cyclonedx --locked`).
#
#   ops/release.sh                                   for the machine's own architecture
#   TARGET=aarch64-unknown-linux-gnu ops/release.sh  for ARM
#   PROFILE=release ops/release.sh                   without link-time optimisation, in a fraction of the time
set -euo pipefail
cd "$(dirname "$0")/.."

glibc=2.28
target=${TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
profile=${PROFILE:-dist}
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=tandem-$version-$target
out=ops/out
# The time of the commit, so that the same sources give the same archive.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

rm -rf "$out"
mkdir -p "$out/$name"
cargo zigbuild --locked --package tandem --profile "$profile" --target "$target.$glibc"
cp "${CARGO_TARGET_DIR:-target}/$target/$profile/tandem" "$out/$name/"

# The promise on top of this file, looked up in the binary itself.
newest=$(grep -ao 'GLIBC_2\.[0-9.]*' "$out/$name/tandem" | sed 's/GLIBC_//' | sort -Vu | tail -n 1)
if [ "$(printf '%s\n%s\n' "$newest" "$glibc" | sort -V | tail -n 1)" != "$glibc" ]; then
    echo "the binary wants glibc $newest, newer than $glibc" >&2
    exit 1
fi

cp -r config.toml README.md docs "$out/$name/"
cp -r ops/systemd ops/prometheus ops/grafana "$out/$name/"
cargo cyclonedx --format json --target "$target" --override-filename "$name.cdx" --quiet
mv "$name.cdx.json" "$out/"
find . -name "$name.cdx.json" -not -path "./$out/*" -not -path './target/*' -delete
tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -C "$out" -cf - "$name" | gzip -n >"$out/$name.tar.gz"
rm -r "${out:?}/$name"
(cd "$out" && sha256sum "$name.tar.gz" "$name.cdx.json" >SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
ls -l "$out"
