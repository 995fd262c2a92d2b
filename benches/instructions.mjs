// Counts the instructions that the media path takes for a packet that goes out, and holds them against benches/instructions.json:
// node benches/instructions.mjs [shape…]. More than 5 % above the figure there fails; where it is less, TANDEM_UPDATE=1 keeps the new one.
// Needs valgrind. The figures are the same on a busy machine as on an idle one.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TOLERANCE = 0.05;

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..");
const figuresPath = join(here, "instructions.json");
const figures = JSON.parse(readFileSync(figuresPath, "utf8"));

// The same build as that of the server, so that nothing is compiled twice.
execFileSync("cargo", ["build", "--release", "--workspace", "--quiet"], { cwd: root, stdio: "inherit" });
const program = join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "release", "media_path");

const all = execFileSync(program, { encoding: "utf8" }).trim().split("\n");
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !all.includes(name));
if (unknown.length > 0) throw new Error(`no such shape: ${unknown.join(", ")}; there are ${all.join(", ")}`);

function count(shape) {
  const { stdout, stderr, status } = spawnSync(
    "valgrind",
    ["--tool=callgrind", "--toggle-collect=*media_path*measured*", "--callgrind-out-file=/dev/null", program, shape],
    { encoding: "utf8" },
  );
  const collected = /Collected\s*:\s*(\d+)/.exec(stderr ?? "");
  if (status !== 0 || collected === null) throw new Error(`valgrind failed for ${shape}:\n${stderr}`);
  const [instructions, packets] = [Number(collected[1]), Number(stdout)];
  if (!(instructions > 0 && packets > 1000)) throw new Error(`${shape}: ${instructions} instructions, ${packets} packets`);
  return Math.round(instructions / packets);
}

let failed = false;
for (const shape of asked.length > 0 ? asked : all) {
  const now = count(shape);
  const before = figures[shape];
  const isWorse = !(now <= before * (1 + TOLERANCE));
  const verdict = isWorse ? ": too many" : now < before * (1 - TOLERANCE) ? ": keep the new figure" : "";
  console.log(`${shape}: ${now} instructions for a packet out, ${before ?? "no figure"} before${verdict}`);
  if (process.env.TANDEM_UPDATE === "1") figures[shape] = now;
  else failed ||= isWorse;
}
if (process.env.TANDEM_UPDATE === "1") writeFileSync(figuresPath, `${JSON.stringify(figures, null, 2)}\n`);
process.exitCode = failed ? 1 : 0;
