/** Checks the connection quietly while the page waits for its first call. Only what is bad is shown: ui/check-notice.tsx. */

import { effect, type ReadonlySignal } from "@preact/signals";
import { type Checker, check } from "./media/check-run";
import type { AppState } from "./sdk/core/state";
import { settings } from "./settings";
import { openDialog } from "./ui/open-dialog";

/** Somebody who opened a call link calls at once: that is not to be slowed down. */
const AFTER_MS = 4000;
/** A browser that travels meets other networks; more often it would be a load for nothing. */
const EVERY_MS = 24 * 60 * 60 * 1000;

export function watchConnection(state: ReadonlySignal<AppState>, checker: Checker): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const { phase, connection } = state.value;
    // A dialog may hold the camera, or the check itself.
    const isIdle = phase.kind === "home" && connection === "up" && openDialog.value === null;
    const isDue = Date.now() - settings.value.checkedAt > EVERY_MS;
    clearTimeout(timer);
    if (phase.kind !== "home") checker.stop();
    if (isIdle && isDue) timer = setTimeout(() => checkQuietly(checker), AFTER_MS);
  });
}

function checkQuietly(checker: Checker): void {
  if (document.visibilityState === "visible" && check.peek() === null) void checker.run(false);
}
