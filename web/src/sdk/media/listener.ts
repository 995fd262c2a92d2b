/** Whom the media of a call tell what they come to. */

import type { DirectMessage, PathMeasures } from "../core/state";
import type { Command, Path, PathReason } from "../protocol";
import type { RemoteTracks } from "./remote";

export interface CallMediaListener {
  send(command: Command): void;
  /** What is received of the others, whenever that changes. */
  remote(tracks: RemoteTracks): void;
  /** The path on which the others are seen, or why it is still this one. */
  pathShown(path: Path, reason: PathReason): void;
  measured(measures: PathMeasures): void;
  told(message: DirectMessage): void;
  /** Of the direct connection: a page that is loaded again counts on from it. */
  generation(generation: number): void;
  /** `closed`: by the other. */
  lost(closed: boolean): void;
}
