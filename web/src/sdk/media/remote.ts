/** What is received of the others, whichever path brings it. */

import type { Source } from "../protocol";

export interface RemoteTrack {
  track: MediaStreamTrack;
  /** The server does not send it for want of bandwidth: its last frame is not the present. */
  paused: boolean;
}

/** By participant id, what this page gets of each now. Who publishes a track that is not in it is not shown, or not loud enough. */
export type RemoteTracks = ReadonlyMap<string, Partial<Record<Source, RemoteTrack>>>;

export const NO_REMOTE_TRACKS: RemoteTracks = new Map();

/** Views draw again for whatever is new: what is the same has to stay the same. */
export function isSameRemote(a: RemoteTracks, b: RemoteTracks): boolean {
  if (a.size !== b.size) return false;
  for (const [participantId, tracks] of a) {
    const others = b.get(participantId);
    if (others === undefined) return false;
    const sources = new Set([...Object.keys(tracks), ...Object.keys(others)] as Source[]);
    for (const source of sources) {
      const [one, two] = [tracks[source], others[source]];
      if (one?.track !== two?.track || one?.paused !== two?.paused) return false;
    }
  }
  return true;
}
