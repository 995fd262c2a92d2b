/** Serialises what is done to one RTCRtpSender: two overlapping replaceTrack calls may settle in either order. */

import type { WantedLayer } from "../protocol";

export class Sender {
  private queue: Promise<void> = Promise.resolve();
  private wanted: MediaStreamTrack | null = null;
  private layers = "";

  constructor(private readonly sender: RTCRtpSender) {}

  /** null silences: `active: false` would not stop Firefox's audio. A track that comes back starts with a key frame. */
  setTrack(track: MediaStreamTrack | null): void {
    if (this.wanted === track) return;
    this.wanted = track;
    this.run(() => this.sender.replaceTrack(this.wanted));
  }

  /** Only for sendonly m-lines: on a sendrecv one Firefox would rebuild its receiver. */
  setLayers(layers: WantedLayer[]): void {
    const same = JSON.stringify(layers);
    if (this.layers === same) return;
    this.layers = same;
    this.run(async () => {
      const parameters = this.sender.getParameters();
      let changed = false;
      for (const encoding of parameters.encodings) {
        const layer = layers.find((one) => (one.rid ?? undefined) === encoding.rid);
        if (layer === undefined) continue;
        const active = encoding.active ?? true;
        if (active === layer.active && (!layer.active || encoding.maxBitrate === layer.bitrate_bps)) continue;
        encoding.active = layer.active;
        // A layer that is off keeps its bound, so that switching it on again changes one thing only.
        if (layer.active && layer.bitrate_bps > 0) encoding.maxBitrate = layer.bitrate_bps;
        changed = true;
      }
      if (changed) await this.sender.setParameters(parameters);
    });
  }

  private run(step: () => Promise<void>): void {
    // A connection that was closed meanwhile rejects; the next one gets its own tracks.
    this.queue = this.queue.then(step).catch(() => {});
  }
}
