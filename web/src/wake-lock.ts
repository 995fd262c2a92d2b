/** Keeps the screen on during a call: nobody touches it while talking. */

import { effect, type ReadonlySignal } from "@preact/signals";
import type { AppState } from "./sdk/core/state";

export function keepAwake(state: ReadonlySignal<AppState>): void {
  let lock: WakeLockSentinel | null = null;
  let wanted = false;
  const take = async () => {
    // Older browsers have none, and a battery that is low refuses it: then the screen does what it always does.
    const taken = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!taken) return;
    if (wanted && lock === null) lock = taken;
    else void taken.release();
  };
  effect(() => {
    const inCall = state.value.phase.kind === "in_call";
    if (inCall === wanted) return;
    wanted = inCall;
    if (wanted) void take();
    else {
      void lock?.release();
      lock = null;
    }
  });
  // The browser takes it back whenever the page is out of sight.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || !wanted) return;
    lock = null;
    void take();
  });
}
