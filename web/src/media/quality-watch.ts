/** Looks at the connection that brings what is shown, every two seconds of a call. The judgement is that of quality.ts. */

import { effect, type ReadonlySignal, signal } from "@preact/signals";
import type { AppState } from "../sdk/core/state";
import { type Counters, countersOf, numbersOf, Steady, type Verdict, verdictOf } from "../sdk/media/quality";
import type { RemoteTracks } from "../sdk/media/remote";
import { entriesOf } from "../sdk/media/stats";
import type { Path } from "../sdk/protocol";

const EVERY_MS = 2000;
/** A connection that has just come up has ramps and bursts that mean nothing. */
const SETTLE_MS = 4000;

export interface Shown {
  path: Path;
  connection: RTCPeerConnection | null;
}

/** null: no call, or too early to say. */
export const quality = signal<Verdict | null>(null);

/** `remote`: what is received of the others. */
export function watchQuality(
  state: ReadonlySignal<AppState>,
  remote: ReadonlySignal<RemoteTracks>,
  shown: () => Shown | null,
): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  effect(() => {
    const inCall = state.value.phase.kind === "in_call";
    if (inCall === (timer !== undefined)) return;
    clearInterval(timer);
    timer = undefined;
    quality.value = null;
    if (!inCall) return;
    const look = looker(state, remote, shown);
    timer = setInterval(() => void look(), EVERY_MS);
  });
}

function looker(
  state: ReadonlySignal<AppState>,
  remote: ReadonlySignal<RemoteTracks>,
  shown: () => Shown | null,
): () => Promise<void> {
  let connection: RTCPeerConnection | null = null;
  let before: Counters | null = null;
  let since = 0;
  let steady = new Steady();
  return async () => {
    const now = shown();
    if (now === null || now.connection === null) return;
    if (now.connection !== connection) {
      connection = now.connection;
      before = null;
      since = Date.now();
      steady = new Steady();
    }
    const entries = await entriesOf(connection);
    if (entries === null) return;
    const { phase } = state.value;
    if (phase.kind !== "in_call" || connection !== shown()?.connection) return;
    const after = countersOf(entries, Date.now());
    if (before !== null && after.atMs - since >= SETTLE_MS) {
      // One that the server holds back, or that has no place on the page, does not stand still: it is not there.
      const camera = phase.others.some(({ participant_id, sources }) => {
        const track = remote.value.get(participant_id)?.camera;
        return sources.includes("camera") && track !== undefined && !track.paused;
      });
      quality.value = steady.handle(verdictOf(now.path, numbersOf(before, after, camera)));
    }
    before = after;
  };
}
