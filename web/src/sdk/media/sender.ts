/** Serialises what is done to one RTCRtpSender: two overlapping replaceTrack calls may settle in either order. */

import type { WantedLayer } from "../protocol";

export class Sender {
  private queue: Promise<void> = Promise.resolve();
  private wanted: MediaStreamTrack | null = null;
  private layers = "";
  private layersWanted: WantedLayer[] | null = null;

  constructor(private readonly sender: RTCRtpSender) {}

  /** null silences: `active: false` would not stop Firefox's audio. A track that comes back starts with a key frame. */
  setTrack(track: MediaStreamTrack | null): void {
    if (this.wanted === track) return;
    this.wanted = track;
    this.run(() => this.sender.replaceTrack(this.wanted));
  }

  /**
   * Only for sendonly m-lines: on a sendrecv one Firefox would rebuild its receiver. Each change may let the encoder begin anew, and a
   * busy browser takes long for it: of those that come meanwhile only the last is made.
   */
  setLayers(layers: WantedLayer[]): void {
    const same = JSON.stringify(layers);
    if (this.layers === same) return;
    this.layers = same;
    const isQueued = this.layersWanted !== null;
    this.layersWanted = layers;
    if (isQueued) return;
    this.run(async () => {
      const wanted = this.layersWanted ?? [];
      this.layersWanted = null;
      const parameters = this.sender.getParameters();
      if (change(parameters.encodings, wanted)) await this.sender.setParameters(parameters);
    });
  }

  private run(step: () => Promise<void>): void {
    // A connection that was closed meanwhile rejects; the next one gets its own tracks.
    this.queue = this.queue.then(step).catch(() => {});
  }
}

/** Whether anything about the encodings is to be another way than it is. */
function change(encodings: RTCRtpEncodingParameters[], wanted: WantedLayer[]): boolean {
  let changed = false;
  for (const encoding of encodings) {
    const layer = wanted.find((one) => (one.rid ?? undefined) === encoding.rid);
    if (layer === undefined) continue;
    const active = encoding.active ?? true;
    if (active === layer.active && (!layer.active || encoding.maxBitrate === layer.bitrate_bps)) continue;
    encoding.active = layer.active;
    // A layer that is off keeps its bound, so that switching it on again changes one thing only.
    if (layer.active && layer.bitrate_bps > 0) encoding.maxBitrate = layer.bitrate_bps;
    changed = true;
  }
  return changed;
}
