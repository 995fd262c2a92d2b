/** What the report of a call is told of some seconds: two looks at the same connection, compared. Pure. */

import type { Measured, Path } from "../protocol";
import type { Counters } from "./quality";

/** Fewer packets than this say nothing of a share. */
const PACKETS_MIN = 30;
const LASTED_MS_MAX = 60_000;
/** What a number on the wire can hold. */
const MOST = 65_535;

/** `camera`: whether pictures have to come. null: nothing can be said of this time. */
export function measuredOf(path: Path, before: Counters, after: Counters, camera: boolean): Measured | null {
  const lasted_ms = Math.round(after.atMs - before.atMs);
  // A page that slept has measured its sleep.
  if (lasted_ms < 1 || lasted_ms > LASTED_MS_MAX) return null;
  const measured: Measured = { path, lasted_ms };
  const received = shareOf(grown(before, after, "lost"), grown(before, after, "received"), true);
  if (received !== null) measured.received_loss_permille = received;
  const sent = shareOf(grown(before, after, "sentLost"), grown(before, after, "sent"), false);
  if (sent !== null) measured.sent_loss_permille = sent;
  if (received !== null) measured.jitter_ms = whole(after.jitterMs);
  if (after.roundTripMs !== null) measured.round_trip_ms = whole(after.roundTripMs);
  const frames = grown(before, after, "framesDecoded");
  if (camera && frames !== null) {
    measured.frames_per_s = whole((frames * 1000) / lasted_ms);
    const frozen = frames === 0 ? lasted_ms : (grown(before, after, "frozenMs") ?? 0);
    measured.frozen_permille = Math.min(1000, whole((frozen * 1000) / lasted_ms));
  }
  return measured;
}

/** null: it was counted anew meanwhile. */
function grown(before: Counters, after: Counters, key: keyof Counters): number | null {
  const [from, to] = [before[key], after[key]];
  return typeof from === "number" && typeof to === "number" && to >= from ? to - from : null;
}

/** `beside`: what was lost is not among the rest. */
function shareOf(lost: number | null, rest: number | null, beside: boolean): number | null {
  if (lost === null || rest === null) return null;
  const all = beside ? rest + lost : rest;
  return all < PACKETS_MIN ? null : Math.min(1000, Math.round((lost * 1000) / all));
}

function whole(value: number): number {
  return Math.min(MOST, Math.max(0, Math.round(value)));
}
