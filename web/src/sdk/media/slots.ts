/** How many slots the page offers, and what comes in them. Pure. */

import type { Participant, Slot } from "../protocol";
import type { RemoteTrack, RemoteTracks } from "./remote";

export interface SlotCount {
  audio: number;
  video: number;
}

/** Where two talk: a voice and the sound of a screen, a camera and a screen. */
export const FEWEST_SLOTS: SlotCount = { audio: 2, video: 2 };

/** The loudest are heard; of more at once nobody understands a word. */
const VOICES_MAX = 4;
const TILES_MAX = 16;
const SCREENS_MAX = 2;
/** Each further slot costs a renegotiation, so they come in steps. */
const VIDEO_STEPS = [2, 4, 6, 9, 12, TILES_MAX + SCREENS_MAX];

/** How many are of use: for these others, for so many tiles on the page, and for as many more who may come. */
export function slotsFor(others: readonly Participant[], tiles: number, more = 0): SlotCount {
  const people = others.length + more;
  const screens = others.filter(({ sources }) => sources.includes("screen")).length;
  const video = Math.max(tiles + more, Math.min(people, TILES_MAX) + Math.min(screens, SCREENS_MAX));
  return {
    audio: Math.min(Math.max(people, 1), VOICES_MAX) + 1,
    video: VIDEO_STEPS.find((step) => step >= video) ?? TILES_MAX + SCREENS_MAX,
  };
}

/** Slots are never taken away: an m-line that is empty costs nothing. */
export function atLeast(a: SlotCount, b: SlotCount): SlotCount {
  return { audio: Math.max(a.audio, b.audio), video: Math.max(a.video, b.video) };
}

/** Who is received by which track; a slot of an m-line that is not there is left out. */
export function arrange(slots: readonly Slot[], trackAt: (mid: string) => MediaStreamTrack | null): RemoteTracks {
  const remote = new Map<string, Record<string, RemoteTrack>>();
  for (const { mid, participant_id, source, paused } of slots) {
    const track = trackAt(mid);
    if (track === null) continue;
    remote.set(participant_id, { ...remote.get(participant_id), [source]: { track, paused } });
  }
  return remote;
}
