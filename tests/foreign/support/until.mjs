import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `probe` gives something true, and gives that. */
export async function until(what, probe, patience = 20_000) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms for ${what}`);
    await sleep(20);
  }
}
