/** How well packets come in on one path over the last seconds, from counters that are sampled. Pure. */

import type { Counters } from "./arrivals";

const WINDOW_MS = 2000;
/** Fewer packets than this say nothing of a share: silence on a bad line looks the same as a good one. */
const PACKETS_MIN = 30;

interface Sample {
  at: number;
  received: number;
  lost: number;
  roundTripMs: number | null;
}

export class PathHealth {
  private samples: Sample[] = [];

  take(counters: Counters | null, now: number): void {
    if (counters === null) {
      this.samples = [];
      return;
    }
    const received = counters.audioPackets + counters.videoPackets;
    const last = this.samples.at(-1);
    // Counters that fell were restarted: what was before has nothing to do with them.
    if (last !== undefined && received < last.received) this.samples = [];
    this.samples.push({
      at: now,
      received,
      lost: counters.packetsLost ?? 0,
      roundTripMs: counters.roundTripMs ?? null,
    });
    // One sample from before the window stays, so that the differences cover all of it.
    while ((this.samples[1]?.at ?? now) <= now - WINDOW_MS) this.samples.shift();
  }

  restart(): void {
    this.samples = [];
  }

  /** The share of packets that were lost, 0 to 1; null while too little is known. */
  loss(): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < WINDOW_MS) return null;
    // A packet that comes late is taken from the lost ones again.
    const lost = Math.max(0, last.lost - first.lost);
    const all = last.received - first.received + lost;
    return all < PACKETS_MIN ? null : lost / all;
  }

  /** The shortest of the round trips, so that one slow answer is none; null while too little is known. */
  roundTripMs(): number | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < WINDOW_MS) return null;
    const known = this.samples.flatMap((sample) => (sample.roundTripMs === null ? [] : [sample.roundTripMs]));
    return known.length === 0 ? null : Math.min(...known);
  }

  latestRoundTripMs(): number | null {
    return this.samples.at(-1)?.roundTripMs ?? null;
  }
}
