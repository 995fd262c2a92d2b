/** What this page sends, or would if there were somebody to get it. */

import type { Source } from "../protocol";

export type Tracks = Readonly<Record<Source, MediaStreamTrack | null>>;

export const NO_TRACKS: Tracks = { microphone: null, camera: null, screen: null, screen_audio: null };

/** In the order of the m-lines that send. */
export const SOURCES = ["microphone", "camera", "screen", "screen_audio"] as const satisfies Source[];

export function isSound(source: Source): boolean {
  return source === "microphone" || source === "screen_audio";
}
