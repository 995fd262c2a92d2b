import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `probe` gives something true, and gives that. `what` may be a function that tells what was waited for at the end. */
export async function until(what, probe, patience = 20_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline)
      throw new Error(`waited ${patience} ms for ${typeof what === "function" ? what() : what}`);
    await sleep(20);
  }
}
