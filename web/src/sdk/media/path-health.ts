/** How well packets come in on one path over the last seconds, from counters that are sampled. Pure. */

import type { Counters } from "./arrivals";

/** Fewer packets than this say nothing of a share: silence on a bad line looks the same as a good one. */
const PACKETS_MIN = 30;

interface Sample {
  at: number;
  received: number;
  lost: number;
  sent: number;
  sentLost: number;
  roundTripMs: number | null;
}

export class PathHealth {
  private samples: Sample[] = [];

  /** Nothing is said of less than `windowMs`. */
  constructor(private readonly windowMs: number) {}

  take(counters: Counters | null, now: number): void {
    if (counters === null) {
      this.samples = [];
      return;
    }
    const received = counters.audioPackets + counters.videoPackets;
    const last = this.samples.at(-1);
    // Counters that fell were restarted: what was before has nothing to do with them.
    const sent = counters.packetsSent ?? 0;
    if (last !== undefined && (received < last.received || sent < last.sent)) this.samples = [];
    this.samples.push({
      at: now,
      received,
      lost: counters.packetsLost ?? 0,
      sent,
      sentLost: counters.sentLost ?? 0,
      roundTripMs: counters.roundTripMs ?? null,
    });
    // One sample from before the window stays, so that the differences cover all of it.
    while ((this.samples[1]?.at ?? now) <= now - this.windowMs) this.samples.shift();
  }

  restart(): void {
    this.samples = [];
  }

  /** The share of packets that were lost on the way in, 0 to 1; null while too little is known. */
  loss(): number | null {
    const ends = this.ends();
    if (ends === null) return null;
    const [first, last] = ends;
    // A packet that comes late is taken from the lost ones again.
    const lost = Math.max(0, last.lost - first.lost);
    return share(lost, last.received - first.received + lost);
  }

  /** The same for what we send, as the other end reports it. */
  lossOut(): number | null {
    const ends = this.ends();
    if (ends === null) return null;
    const [first, last] = ends;
    return share(Math.max(0, last.sentLost - first.sentLost), last.sent - first.sent);
  }

  /** The worse direction's. */
  worstLoss(): number | null {
    const known = [this.loss(), this.lossOut()].filter((loss) => loss !== null);
    return known.length === 0 ? null : Math.max(...known);
  }

  /** The shortest of the round trips, so that one slow answer is none; null while too little is known. */
  roundTripMs(): number | null {
    if (this.ends() === null) return null;
    const known = this.samples.flatMap((sample) => (sample.roundTripMs === null ? [] : [sample.roundTripMs]));
    return known.length === 0 ? null : Math.min(...known);
  }

  latestRoundTripMs(): number | null {
    return this.samples.at(-1)?.roundTripMs ?? null;
  }

  /** The first and the last sample, if they are a window apart. */
  private ends(): [Sample, Sample] | null {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < this.windowMs) return null;
    return [first, last];
  }
}

function share(lost: number, all: number): number | null {
  return all < PACKETS_MIN ? null : Math.min(1, lost / all);
}
