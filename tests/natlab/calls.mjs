// Calls between each two networks: do they connect, over which path and transport, and how soon.

import { setTimeout as sleep } from "node:timers/promises";

import { until } from "../../web/e2e/support/person.mjs";
import { directIsPossible, directMayBeLeft } from "./profiles.mjs";

/** The worst case is 6 s; what takes longer is still measured up to here. */
const FIRST_MEDIA_WITHIN_MS = 15_000;
const DIRECT_WITHIN_MS = 10_000;
/** How long a call is watched after its path has settled. */
const WATCH_MS = 3_000;
/** A browser tries for so long before it says that a connection failed (Chromium about 15 s). */
const FAILED_WITHIN_MS = 30_000;

/** From the home page to an answered call; gives the moment of the answer. */
export async function connect(ada, bob) {
  await ada.call(await bob.id());
  await bob.sees("incoming");
  await Promise.all([ada.watchFirst(), bob.watchFirst()]);
  const answered = Date.now();
  await bob.click("answer");
  return answered;
}

export async function hangUp(ada, bob) {
  await ada.click("hang-up");
  await bob.endedWith("hung_up");
}

/** What the oracle sees of one side over a while: frames of each path, and how the path that brought most runs. */
async function watch(person) {
  const before = await person.routes();
  await sleep(WATCH_MS);
  const after = await person.routes();
  const routes = after.map((route, i) => ({ ...route, frames: route.frames - (before[i]?.frames ?? 0) }));
  const used = routes.reduce((best, route) => (route.frames > best.frames ? route : best));
  return { path: used.path, transport: used.transport, frames: used.frames, badge: await person.data("path", "path") };
}

const statesOf = async (person, path) =>
  (await person.routes()).filter((route) => route.path === path).flatMap((route) => route.states);

/** One call. Gives what was measured, and `wrong`: what should not be so. */
export async function measure(lab, kind, a, b) {
  const expected = directIsPossible(a, b) ? "direct" : "forwarded";
  const measured = { browser: kind, a, b, expected, wrong: [] };
  let ada;
  let bob;
  try {
    [ada, bob] = await Promise.all([lab.person(kind, "a", a), lab.person(kind, "b", b)]);
    const answered = await connect(ada, bob);
    const firsts = await Promise.all([ada, bob].map((one) => one.firstMedia(FIRST_MEDIA_WITHIN_MS)));
    measured.seconds = firsts.map((first) => (first.video - answered) / 1000);
    if (expected === "direct") await Promise.all([ada, bob].map((one) => one.onPath("direct", DIRECT_WITHIN_MS)));
    measured.sides = await Promise.all([ada, bob].map(watch));
    for (const side of measured.sides) {
      if (side.frames < WATCH_MS / 1000) measured.wrong.push(`only ${side.frames} frames in ${WATCH_MS} ms`);
      // A page that leaves a lossy path meanwhile shows the new one, while most frames came on the old one.
      const settled = !directMayBeLeft(a, b);
      if (settled && side.path !== side.badge) measured.wrong.push(`shows ${side.badge}, but frames come ${side.path}`);
      if (settled && side.path !== expected) measured.wrong.push(`is ${side.path}, not ${expected}`);
    }
    const tried = (await Promise.all([ada, bob].map((one) => statesOf(one, "direct")))).flat();
    if (expected === "forwarded" && tried.includes("connected")) measured.wrong.push("direct was connected");
    if (a === "symmetric" && b === "symmetric") {
      await until("direct fails", async () => (await statesOf(ada, "direct")).includes("failed"), FAILED_WITHIN_MS);
      measured.directStates = await statesOf(ada, "direct");
      await Promise.all([ada, bob].map((one) => one.seesAndHears()));
    }
    await hangUp(ada, bob);
  } catch (error) {
    const states = await Promise.all(
      [ada, bob].map(async (one) => one && JSON.stringify(await one.routes())).map((p) => p.catch(String)),
    );
    measured.wrong.push(`${error.message}; routes of A ${states[0]}, of B ${states[1]}`);
    await Promise.all([lab.forget(kind, "a", a), lab.forget(kind, "b", b)]);
  }
  return measured;
}
