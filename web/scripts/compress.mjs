// Puts a brotli and a gzip twin beside every file that gets smaller by it: node scripts/compress.mjs <folder>

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const COMPRESSIBLE = /\.(html|js|css|svg|json|webmanifest|wasm|txt)$/;

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

for (const path of files(process.argv[2])) {
  if (!COMPRESSIBLE.test(path)) continue;
  const plain = readFileSync(path);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } };
  for (const [ending, small] of [
    [".br", brotliCompressSync(plain, quality)],
    [".gz", gzipSync(plain, { level: 9 })],
  ]) {
    if (small.length < plain.length) writeFileSync(path + ending, small);
  }
}
