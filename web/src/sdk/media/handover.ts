/**
 * Which connection to the server each track of the others is played from, where its process was replaced by another: make before break.
 * A track stays where it is until the new connection brings it. Pure.
 */

import type { Source } from "../protocol";
import type { RemoteTracks } from "./remote";
import { FRAMES_MIN, PACKETS_MIN } from "./source-paths";
import { isSound, SOURCES } from "./tracks";

/** Who has not come to the new process by then will not. */
const PATIENCE_MS = 10_000;
/** Nothing for so long, and the old process is most likely gone. */
const SILENT_AFTER_MS = 400;

/** By the id of a track: frames decoded, or packets of sound. */
export type ArrivedById = ReadonlyMap<string, number>;

export class Handover {
  private readonly waiting: Map<string, Set<Source>>;
  private arrivedBefore = 0;
  private aliveAt: number;
  private silent = false;
  private late = false;

  /** `before`: what the old connection brings. */
  constructor(
    private readonly before: RemoteTracks,
    private readonly since: number,
  ) {
    this.aliveAt = since;
    this.waiting = new Map(
      [...before].map(([participantId, tracks]) => [
        participantId,
        new Set(SOURCES.filter((source) => tracks[source] && !tracks[source].paused)),
      ]),
    );
  }

  get isOver(): boolean {
    return this.late || [...this.waiting.values()].every((sources) => sources.size === 0);
  }

  /** Whether the old connection brings nothing any more: then it says nothing of how well the way to the server is. */
  get isSilent(): boolean {
    return this.silent;
  }

  /** What is to be played, of what the two connections bring. */
  merge(now: RemoteTracks): RemoteTracks {
    if (this.isOver) return now;
    const merged = new Map(now);
    for (const [participantId, sources] of this.waiting) {
      const kept = [...sources].map((source) => [source, this.before.get(participantId)?.[source]]);
      if (kept.length > 0) merged.set(participantId, { ...merged.get(participantId), ...Object.fromEntries(kept) });
    }
    return merged;
  }

  /** `now`: what the new connection has slots for. Gives whether anything is to be played from elsewhere than before. */
  take(before: ArrivedById, arrived: ArrivedById, now: RemoteTracks, at: number): boolean {
    const count = [...before.values()].reduce((sum, one) => sum + one, 0);
    if (count !== this.arrivedBefore) this.aliveAt = at;
    this.arrivedBefore = count;
    this.silent = at - this.aliveAt >= SILENT_AFTER_MS;
    this.late = at - this.since >= PATIENCE_MS;
    if (this.late) return true;
    let changed = false;
    for (const [participantId, sources] of this.waiting) {
      for (const source of sources) {
        const there = now.get(participantId)?.[source];
        if (there === undefined || there.paused) continue;
        const came = arrived.get(there.track.id) ?? 0;
        if (came < (isSound(source) ? PACKETS_MIN : FRAMES_MIN)) continue;
        sources.delete(source);
        changed = true;
      }
    }
    return changed;
  }
}
