/** What arrives on one path, told from counters that are sampled. Counters may restart or vanish: only growth means something. */

import type { PathProtocol } from "../protocol";

export interface Counters {
  framesDecoded: number;
  videoPackets: number;
  audioPackets: number;
  packetsLost?: number;
  roundTripMs?: number | null;
  /** What we send, and how much of it the other end misses. */
  packetsSent?: number;
  sentLost?: number;
  /** Packets of any kind, reports on what we send among them; null where the browser does not tell. */
  transportPackets?: number | null;
  protocol?: PathProtocol | null;
}

/** No packet for so long on the path in use, while the other sends something, means that it is broken. */
export const STALL_MS = 800;
/** The page itself may have been held up: one late sample is no stall. */
export const STALL_SAMPLES = 2;
/** Something that arrived this long ago still counts as arriving. */
const FRESH_MS = 600;

export class Arrivals {
  emptySamples = 0;
  private last: Counters | null = null;
  private anythingAt = Number.NEGATIVE_INFINITY;
  private packetAt = Number.NEGATIVE_INFINITY;
  private frameAt = Number.NEGATIVE_INFINITY;
  private soundAt = Number.NEGATIVE_INFINITY;
  private soundSince: number | null = null;
  private expectedAt = Number.NEGATIVE_INFINITY;

  take(counters: Counters | null, now: number): void {
    const last: Counters = this.last ?? { framesDecoded: 0, videoPackets: 0, audioPackets: 0 };
    // Below the last value it was restarted, and all it counts has come since.
    const grew = (key: "framesDecoded" | "videoPackets" | "audioPackets") =>
      counters !== null && (counters[key] > last[key] || (counters[key] < last[key] && counters[key] > 0));
    const sound = grew("audioPackets");
    if (grew("framesDecoded")) this.frameAt = now;
    if (sound) {
      this.soundAt = now;
      this.soundSince ??= now;
    }
    if (sound || grew("videoPackets")) {
      this.packetAt = now;
      this.emptySamples = 0;
    } else {
      this.emptySamples += 1;
    }
    const transport = counters?.transportPackets ?? null;
    if (this.packetAt === now || (transport !== null && transport !== (last.transportPackets ?? 0)))
      this.anythingAt = now;
    if (counters !== null) this.last = counters;
  }

  /** What came before does not count: the connection is another one, or its media has to be proven again. */
  restart(now: number): void {
    this.frameAt = Number.NEGATIVE_INFINITY;
    this.soundAt = Number.NEGATIVE_INFINITY;
    this.packetAt = Number.NEGATIVE_INFINITY;
    this.anythingAt = Number.NEGATIVE_INFINITY;
    this.soundSince = null;
    this.expectFrom(now);
  }

  expectFrom(now: number): void {
    this.expectedAt = now;
    this.emptySamples = 0;
  }

  bringsPictures(now: number): boolean {
    return now - this.frameAt < FRESH_MS;
  }

  bringsSound(now: number): boolean {
    return now - this.soundAt < FRESH_MS;
  }

  soundFor(now: number): number {
    return this.soundSince === null ? 0 : now - this.soundSince;
  }

  /** Milliseconds without a packet, counted from when packets could be expected. */
  silentFor(now: number, since: number): number {
    return now - Math.max(this.packetAt, this.expectedAt, since);
  }

  /** The same for packets of any kind: where none comes, it is not the other who has stopped to send. */
  deadFor(now: number, since: number): number {
    return now - Math.max(this.anythingAt, this.expectedAt, since);
  }
}
