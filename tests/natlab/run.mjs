// The NAT laboratory: real browsers in simulated networks call each other. docs/natlab.md says what it is and how to read it.
//
//   TANDEM_BINARY=… node tests/natlab/run.mjs short      each network at least once, network changes and a cut of UDP: minutes
//   TANDEM_BINARY=… node tests/natlab/run.mjs full       every pair in Chromium, the main ones in Firefox, ten network changes
//       --only matrix|moves|narrow   a part of it; narrow: a viewer's link that becomes narrow in mid-call
//       --browser firefox        the matrix in this browser alone
//       --pairs cone:open,…      these pairs alone
//       --runs 10                network changes on each path
//       --json FILE              everything that was measured

import { parseArgs } from "node:util";

import { measure } from "./calls.mjs";
import { Lab } from "./lab.mjs";
import { changeNetwork, cutUdp, loseUdp } from "./moves.mjs";
import { checkMachine } from "./namespaces.mjs";
import { narrowLink } from "./narrow.mjs";
import { ALL, MAIN, PROFILES, SHORT, square } from "./profiles.mjs";
import { finish, line, matrix, median, move, narrowed, summary } from "./report.mjs";

/** What an idle machine keeps to; a busy one may be given more. */
const MEDIAN_S_MAX = Number(process.env.TANDEM_LAB_MEDIAN_S_MAX ?? 2);
const WORST_S_MAX = Number(process.env.TANDEM_LAB_WORST_S_MAX ?? 6);
const MOVE_MEDIAN_S_MAX = Number(process.env.TANDEM_LAB_MOVE_MEDIAN_S_MAX ?? 3);
const LOW_S_MAX = Number(process.env.TANDEM_LAB_LOW_S_MAX ?? 3);
const FREEZE_S_MAX = Number(process.env.TANDEM_LAB_FREEZE_S_MAX ?? 1);
const QUIET_S_MAX = Number(process.env.TANDEM_LAB_QUIET_S_MAX ?? 1);
const BACK_S_MAX = Number(process.env.TANDEM_LAB_BACK_S_MAX ?? 30);

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    browser: { type: "string" },
    pairs: { type: "string" },
    runs: { type: "string" },
    json: { type: "string" },
  },
});
const size = positionals[0];
if (size !== "short" && size !== "full") fail("usage: node tests/natlab/run.mjs short|full (see the head of the file)");
try {
  checkMachine();
} catch (error) {
  fail(error.message);
}

function fail(text) {
  console.error(text);
  process.exit(2);
}

const problems = [];
const expect = (fine, text) => {
  if (!fine) problems.push(text);
};

function pairsOf(kind) {
  if (options.pairs) return options.pairs.split(",").map((pair) => pair.split(":"));
  if (size === "short") return SHORT;
  return square(kind === "firefox" ? MAIN : ALL);
}

async function runMatrix(lab, kind) {
  const calls = [];
  let latest;
  for (const [a, b] of pairsOf(kind)) {
    for (const name of [a, b]) if (!PROFILES[name]) fail(`there is no network ${name}: ${ALL.join(", ")}`);
    // Each row needs one browser more than the columns: what has had its row makes room.
    if (latest && latest !== a) await lab.forget(kind, "a", latest);
    latest = a;
    const call = await measure(lab, kind, a, b);
    console.log(line(call));
    calls.push(call);
  }
  const figures = summary(calls);
  console.log(
    `\n${kind}: D direct, F forwarded; transport; seconds from the answer to the first frame at both\n${matrix(calls)}`,
  );
  console.log(
    `${kind}: ${figures.connected} of ${figures.pairs} connected, median ${figures.medianS} s, worst ${figures.worstS} s\n`,
  );
  for (const call of calls) expect(call.wrong.length === 0, line(call));
  expect(figures.medianS < MEDIAN_S_MAX, `${kind}: the median is ${figures.medianS} s, not below ${MEDIAN_S_MAX}`);
  expect(figures.worstS < WORST_S_MAX, `${kind}: the worst is ${figures.worstS} s, not below ${WORST_S_MAX}`);
  await closeAll(lab);
  return { figures, calls };
}

async function closeAll(lab) {
  for (const key of [...lab.people.keys()]) {
    const [kind, side, ...profile] = key.split("-");
    await lab.forget(kind, side, profile.join("-"));
  }
}

/** `count` disturbances of one kind, and their figures in one line. */
async function repeat(name, count, once, secondsMax) {
  const runs = [];
  for (let i = 1; i <= count; i++) {
    const run = await once();
    for (const wrong of run.wrong) problems.push(`${name}: ${wrong}`);
    console.log(`${name}, ${i} of ${count}: ${run.wrong.join("; ") || move(run)}`);
    runs.push(run);
  }
  const done = runs.filter((run) => run.wrong.length === 0);
  const figures = { runs: count, done: done.length };
  if (done.length) {
    const seconds = done.map((run) => run.seconds);
    Object.assign(figures, { medianS: median(seconds), worstS: Math.max(...seconds) });
    if (secondsMax)
      expect(figures.medianS < secondsMax, `${name}: the median is ${figures.medianS} s, not below ${secondsMax}`);
  }
  console.log(`${name}: ${JSON.stringify(figures)}\n`);
  return { name, figures, runs };
}

async function runMoves(lab) {
  const kind = options.browser ?? "chromium";
  const runs = Number(options.runs ?? (size === "full" ? 10 : 1));
  const few = size === "full" ? 3 : 1;
  return [
    await repeat("Wi-Fi to mobile, direct", runs, () => changeNetwork(lab, kind, "cone", "direct"), MOVE_MEDIAN_S_MAX),
    await repeat(
      "Wi-Fi to mobile, forwarded",
      runs,
      () => changeNetwork(lab, kind, "symmetric", "forwarded"),
      MOVE_MEDIAN_S_MAX,
    ),
    await repeat("UDP cut, forwarded", few, () => cutUdp(lab, kind, "symmetric")),
    // Chance decides when the page is sure enough to move, so this is not for every commit.
    ...(size === "full"
      ? [await repeat("15 % of UDP lost, forwarded", few, () => loseUdp(lab, kind, "symmetric"))]
      : []),
  ];
}

/** A viewer's link that becomes narrow, with a short queue before it and with a long one. */
async function runNarrow(lab) {
  const kind = options.browser ?? "chromium";
  const count = Number(options.runs ?? (size === "full" ? 5 : 1));
  const runs = [];
  for (const queueMs of size === "full" ? [60, 300] : [100]) {
    for (let i = 1; i <= count; i++) {
      const run = await narrowLink(lab, kind, queueMs);
      const name = `narrow link, queue of ${queueMs} ms, ${i} of ${count}`;
      console.log(`${name}: ${run.wrong.join("; ") || narrowed(run)}`);
      runs.push(run);
      for (const wrong of run.wrong) problems.push(`${name}: ${wrong}`);
      if (run.wrong.length > 0) continue;
      const { lowAfterS, seconds, quietS, backAfterS } = run;
      expect(
        lowAfterS !== null && lowAfterS < LOW_S_MAX,
        `${name}: the low layer came after ${lowAfterS} s, not ${LOW_S_MAX}`,
      );
      expect(seconds < FREEZE_S_MAX, `${name}: a picture stood still for ${seconds} s, not below ${FREEZE_S_MAX}`);
      expect(quietS < QUIET_S_MAX, `${name}: a voice was quiet for ${quietS} s, not below ${QUIET_S_MAX}`);
      expect(backAfterS < BACK_S_MAX, `${name}: the best came back after ${backAfterS} s, not ${BACK_S_MAX}`);
    }
  }
  return runs;
}

const began = Date.now();
const lab = await Lab.open();
const result = { at: new Date().toISOString(), size, matrices: {}, moves: [], narrow: [] };
try {
  const isWanted = (part) => options.only === undefined || options.only === part;
  if (isWanted("matrix")) {
    const kinds = options.browser ? [options.browser] : size === "full" ? ["chromium", "firefox"] : ["chromium"];
    for (const kind of kinds) result.matrices[kind] = await runMatrix(lab, kind);
  }
  if (isWanted("moves")) result.moves = await runMoves(lab);
  if (isWanted("narrow")) result.narrow = await runNarrow(lab);
} finally {
  await lab.close();
}
finish(result, began, problems, options.json);
