/** Looks at the connection that brings what is shown, every two seconds of a call. The judgement is that of quality.ts. */

import type { Phase } from "../core/state";
import type { Measured, Path } from "../protocol";
import { measuredOf } from "./measured";
import { type Counters, countersOf, numbersOf, Steady, type Verdict, verdictOf } from "./quality";
import type { RemoteTracks } from "./remote";
import { entriesOf } from "./stats";

const EVERY_MS = 2000;
/** A connection that has just come up has ramps and bursts that mean nothing. */
const SETTLE_MS = 4000;
/** What the report of the call is told covers about so much. */
const TELL_EVERY_MS = 5000;

export interface Shown {
  path: Path;
  connection: RTCPeerConnection | null;
}

export interface QualityWorld {
  phase(): Phase;
  /** What is received of the others. */
  remote(): RemoteTracks;
  shown(): Shown | null;
  /** Whether the server is gone for now. */
  isServerAway(): boolean;
  /** null: no call, or too early to say. */
  judged(verdict: Verdict | null): void;
  /** For the report of the call. */
  measured(measured: Measured): void;
}

export class QualityWatch {
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly world: QualityWorld) {}

  /** To be called whenever the phase may be another one. */
  follow(): void {
    const inCall = this.world.phase().kind === "in_call";
    if (inCall === (this.timer !== undefined)) return;
    clearInterval(this.timer);
    this.timer = undefined;
    this.world.judged(null);
    if (!inCall) return;
    const look = looker(this.world);
    this.timer = setInterval(() => void look(), EVERY_MS);
  }
}

function looker(world: QualityWorld): () => Promise<void> {
  let connection: RTCPeerConnection | null = null;
  let before: Counters | null = null;
  let toldUntil: Counters | null = null;
  let since = 0;
  let steady = new Steady();
  return async () => {
    const now = world.shown();
    if (now === null || now.connection === null) return;
    // What stands still with the server is nobody's side, and what comes after begins anew.
    const isCutOff = now.path === "forwarded" && world.isServerAway();
    if (isCutOff) world.judged(null);
    if (isCutOff || now.connection !== connection) {
      connection = now.connection;
      before = null;
      toldUntil = null;
      since = Date.now();
      steady = new Steady();
    }
    const entries = await entriesOf(connection);
    if (entries === null) return;
    const phase = world.phase();
    if (phase.kind !== "in_call" || connection !== world.shown()?.connection) return;
    const after = countersOf(entries, Date.now());
    // One that the server holds back, or that has no place on the page, does not stand still: it is not there.
    const remote = world.remote();
    const camera = phase.others.some(({ participant_id, sources }) => {
      const track = remote.get(participant_id)?.camera;
      return sources.includes("camera") && track !== undefined && !track.paused;
    });
    toldUntil ??= after;
    if (after.atMs - toldUntil.atMs >= TELL_EVERY_MS) {
      const measured = measuredOf(now.path, toldUntil, after, camera);
      if (measured !== null) world.measured(measured);
      toldUntil = after;
    }
    if (before !== null && after.atMs - since >= SETTLE_MS) {
      world.judged(steady.handle(verdictOf(now.path, numbersOf(before, after, camera))));
    }
    before = after;
  };
}
