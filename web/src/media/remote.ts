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
