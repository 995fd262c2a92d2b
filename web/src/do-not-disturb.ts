/** Calls that come while their owner wants quiet: a banner while they ring, a line when they have gone by. */

import { effect, type ReadonlySignal } from "@preact/signals";
import type { AppState, Input, Phase } from "./sdk/core/state";
import { settings } from "./settings";
import { text } from "./texts";
import { toast } from "./toasts";

/** Whether the page stays as it is although it rings. */
export function ringsQuietly(phase: Phase): boolean {
  return phase.kind === "incoming" && phase.answeredAt === null && settings.value.doNotDisturb;
}

/** A call that nobody took here. */
export function wentBy(phase: Phase): boolean {
  return (
    phase.kind === "ended" &&
    phase.direction === "incoming" &&
    !phase.byMe &&
    phase.durationMs === 0 &&
    ["cancelled", "no_answer", "answered_elsewhere"].includes(phase.reason)
  );
}

/** After a quiet call the page is what it was; who rang is told in passing. */
export function keepQuiet(state: ReadonlySignal<AppState>, send: (input: Input) => void): void {
  let rang = false;
  effect(() => {
    const { phase } = state.value;
    if (rang && wentBy(phase) && phase.kind === "ended") {
      const name = phase.user.name || phase.user.user_id;
      const key = phase.reason === "answered_elsewhere" ? "ended_answered_elsewhere" : "ended_missed";
      // Not in the middle of the reducer's own change of the state.
      queueMicrotask(() => {
        toast(text(key, { name }));
        send({ kind: "home" });
      });
    }
    rang = ringsQuietly(phase);
  });
}
