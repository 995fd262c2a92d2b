/** One microphone, camera or screen of another participant, as long as it is received. */

import { exchange } from "./media/exchange";
import { isSound } from "./media/tracks";
import type { Source } from "./protocol";

/** `off`: the other has it off. `paused`: the server holds it back for want of bandwidth. In both the last picture is not the present. */
export type RemoteTrackState = "live" | "off" | "paused";

export class RemoteTrack {
  /** Plays the track, and goes on when another path brings it: set it as an element's `srcObject`, or use `attach`. */
  readonly stream: MediaStream;
  state: RemoteTrackState;
  readonly #elements = new Set<HTMLMediaElement>();
  readonly #blocked: () => void;
  #track: MediaStreamTrack;
  /** Firefox may take the moment between two tracks of a stream for the end of it, and stand still. */
  readonly #goOn = () => this.play();

  /** @internal */
  constructor(
    readonly participantId: string,
    readonly source: Source,
    track: MediaStreamTrack,
    state: RemoteTrackState,
    blocked: () => void,
  ) {
    this.#track = track;
    this.state = state;
    this.#blocked = blocked;
    this.stream = new MediaStream([track]);
  }

  get kind(): "audio" | "video" {
    return isSound(this.source) ? "audio" : "video";
  }

  /** The browser's own; another one when another path brings it. */
  get mediaStreamTrack(): MediaStreamTrack {
    return this.#track;
  }

  /** Plays it in an element, or in a new one. */
  attach(element?: HTMLMediaElement): HTMLMediaElement {
    const player = element ?? document.createElement(this.kind);
    player.autoplay = true;
    if (player instanceof HTMLVideoElement) {
      player.playsInline = true;
      // Voices have tracks, and so elements, of their own.
      player.muted = true;
    }
    player.srcObject = this.stream;
    this.#elements.add(player);
    player.addEventListener("ended", this.#goOn);
    this.play();
    return player;
  }

  /** Plays it no more in this element, or in any. */
  detach(element?: HTMLMediaElement): void {
    for (const player of element === undefined ? [...this.#elements] : [element]) {
      if (!this.#elements.delete(player)) continue;
      player.removeEventListener("ended", this.#goOn);
      if (player.srcObject === this.stream) player.srcObject = null;
    }
  }

  /** @internal Starts what a browser did not let play before a click. */
  play(): void {
    for (const player of this.#elements) {
      player.play().catch((error: unknown) => {
        if (error instanceof Error && error.name === "NotAllowedError") this.#blocked();
      });
    }
  }

  /** @internal */
  replace(track: MediaStreamTrack): void {
    this.#track = track;
    exchange(this.stream, track);
  }
}
