/**
 * From which path each track of the other is played, where there are two: make before break. A track stays where it is until the path
 * that it is to be taken from brings it. Pure.
 */

import type { Path, Source } from "../protocol";
import { isSound, SOURCES } from "./tracks";

/**
 * Frames decoded, or packets of sound, of each track that a path can bring. They may fall: Firefox counts anew at times. null: the server
 * holds it back for want of bandwidth, so that the frame which came last is no sign of more.
 */
export type Arrived = Partial<Record<Source, number | null>>;

/** Whether a path still brings anything. */
export type Alive = Record<Path, boolean>;

/** From so many packets on, sound is more than the one that was on its way. */
export const PACKETS_MIN = 3;
/**
 * And a picture that flows, where what there is goes on as well. The first frame may be all that comes before the server finds out what
 * there is bandwidth for.
 */
export const FRAMES_MIN = 3;
/** What the path says that it sends, a busy machine may be slow to decode: what is seen until then is better than nothing. */
const PATIENCE_MS = 10_000;
/** A picture that the path does not send has no place on this page. */
const ABSENT_PATIENCE_MS = 4000;

interface Wait {
  since: number;
  /** What had arrived when it began to wait; null until the target has the track. */
  from: number | null;
  framesMin: number;
}

export class SourcePaths {
  private readonly paths: Record<Source, Path> = {
    microphone: "forwarded",
    camera: "forwarded",
    screen: "forwarded",
    screen_audio: "forwarded",
  };
  private readonly aims: Record<Source, Path> = { ...this.paths };
  private readonly waits = new Map<Source, Wait>();

  of(source: Source): Path {
    return this.paths[source];
  }

  /** Whether every track is played from where it is to be. */
  get isSettled(): boolean {
    return this.waits.size === 0;
  }

  /** `isWell`: the path before brings what it brought, so that there is no hurry. */
  aim(sounds: Path, pictures: Path, now: number, isWell = false): void {
    for (const source of SOURCES) {
      const path = isSound(source) ? sounds : pictures;
      if (this.aims[source] === path) continue;
      this.aims[source] = path;
      if (this.paths[source] === path) this.waits.delete(source);
      else this.waits.set(source, { since: now, from: null, framesMin: isWell ? FRAMES_MIN : 1 });
    }
  }

  /** `sources`: what the other has on. Gives whether anything is to be played from elsewhere than before. */
  take(arrived: Record<Path, Arrived>, alive: Alive, sources: readonly Source[], now: number): boolean {
    let changed = false;
    for (const [source, wait] of this.waits) {
      const [was, aim] = [this.paths[source], this.aims[source]];
      const nothingToLose = !sources.includes(source) || !alive[was] || (arrived[was][source] ?? 0) === 0;
      const count = arrived[aim][source];
      const patience = count === undefined ? ABSENT_PATIENCE_MS : PATIENCE_MS;
      if (!nothingToLose && !hasCome(source, wait, count) && now - wait.since < patience) continue;
      this.paths[source] = aim;
      this.waits.delete(source);
      changed = true;
    }
    return changed;
  }
}

function hasCome(source: Source, wait: Wait, count: number | null | undefined): boolean {
  if (count === undefined || count === null) {
    wait.from = null;
    return false;
  }
  if (wait.from === null || count < wait.from) wait.from = count;
  return count - wait.from >= (isSound(source) ? PACKETS_MIN : wait.framesMin);
}
