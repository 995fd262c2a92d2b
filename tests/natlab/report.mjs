// What was measured, for eyes and for programs.

import { writeFileSync } from "node:fs";

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const PATH = { direct: "D", forwarded: "F" };

function cell(call) {
  if (!call) return "";
  if (!call.sides) return "FAILED";
  const ways = call.sides.map(({ path, transport }) => `${PATH[path]} ${transport}`);
  const seconds = Math.max(...call.seconds).toFixed(1);
  return `${ways[0] === ways[1] ? ways[0] : ways.join("/")} ${seconds}${call.wrong.length ? " !" : ""}`;
}

/** A table with callers as rows and callees as columns: path, transport (A's, then B's if it differs), seconds of the later side. */
export function matrix(calls) {
  const rows = [...new Set(calls.map((call) => call.a))];
  const columns = [...new Set(calls.map((call) => call.b))];
  const find = (a, b) => calls.find((call) => call.a === a && call.b === b);
  const table = [["A \\ B", ...columns], ...rows.map((a) => [a, ...columns.map((b) => cell(find(a, b)))])];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) => `| ${row.map((text, i) => text.padEnd(widths[i])).join(" | ")} |`).join("\n");
}

export function summary(calls) {
  const connected = calls.filter((call) => call.seconds);
  const seconds = connected.map((call) => Math.max(...call.seconds));
  const figures = { pairs: calls.length, connected: connected.length };
  if (seconds.length) Object.assign(figures, { medianS: median(seconds), worstS: Math.max(...seconds) });
  return figures;
}

/** One line about one call, as it ends. */
export function line(call) {
  const wrong = call.wrong.length ? `  WRONG: ${call.wrong.join("; ")}` : "";
  return `${call.browser} ${call.a} calls ${call.b}: ${cell(call)}${wrong}`;
}

/** The same about one disturbance of a call. */
export function move({ before, after, seconds, offUdpAfterS }) {
  const off = offUdpAfterS === undefined ? "" : `, off UDP after ${offUdpAfterS} s`;
  return `${before.path} ${before.transport}, picture back after ${seconds} s, ${after.path} ${after.transport}${off}`;
}

/** The same about a viewer's link that became narrow. */
export function narrowed({ before, lowAfterS, seconds, quietS, backAfterS, narrow }) {
  const one = ({ width, frames, gap, gapAt, pauses, pausedMs }) =>
    `${width} px, ${frames} frames, still for ${gap} ms from ${Math.round(gapAt)} ms on, paused ${pauses} times for ${Math.round(pausedMs)} ms`;
  const voices = narrow.voices.map(({ gap, packets, lost }) => `${packets} packets, ${lost} lost, quiet for ${gap} ms`);
  return `from ${Object.values(before).join(" and ")} px: low layer after ${lowAfterS?.toFixed(1)} s, longest still ${seconds} s, quiet ${quietS} s, best again after ${backAfterS} s
  pictures: ${narrow.pictures.map(one).join("; ")}\n  voices: ${voices.join("; ")}`;
}

/** The same about something that was done to nodes. Of a call to another node: what came of it, and after how many seconds. */
export function nodes(figures) {
  const { name, wrong, tookS, node, across, same, refused, backS, ...rest } = figures;
  const tried = ({ outcome, seconds }) => `${outcome} ${seconds.toFixed(1)} s`;
  const still = (gaps) => `picture ${(gaps.video / 1000).toFixed(2)} s, voice ${(gaps.audio / 1000).toFixed(2)} s`;
  const parts = [];
  if (node) parts.push(`node ${node}`);
  if (across?.length) parts.push(`calls to another node: ${across.map(tried).join(", ")}`);
  if (same) parts.push(`on one node: ${tried(same)}`);
  if (backS)
    parts.push(`answered at another node ${backS.toFixed(1)} s after it was back, ${refused.length} refused before`);
  for (const [key, value] of Object.entries(rest)) {
    parts.push(`${key}: ${value?.video === undefined ? JSON.stringify(value) : still(value)}`);
  }
  return `${name} (${tookS.toFixed(0)} s): ${parts.join("; ")}${wrong.length ? `\n  WRONG: ${wrong.join("; ")}` : ""}`;
}

/** Writes all that was measured into a file, if one is named, says what is wrong, and ends: with 1 if anything is. */
export function finish(result, began, problems, file) {
  result.seconds = Math.round((Date.now() - began) / 1000);
  result.problems = problems;
  if (file) writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\n${result.seconds} s in all`);
  if (problems.length) console.log(`\n${problems.length} problems:\n${problems.join("\n")}`);
  // Helpers and listeners would keep it running.
  process.exit(problems.length ? 1 : 0);
}
