/** Another microphone or camera in mid-call: because the user chose one, or because the one in use is gone. */

import type { DeviceProblem } from "../core/state";
import { readDeviceList } from "./device-list";
import { type Chosen, constraintsOf, type Device, failureOf, found } from "./devices";
import type { Tracks } from "./tracks";

export interface TakeoverWorld {
  tracks(): Tracks;
  setTracks(tracks: Tracks): void;
  chosen(): Chosen;
  /** It is gone, and no other is there. */
  lost(device: Device): void;
  /** It is gone, and the one of this name is in its place. */
  switched(device: Device, label: string): void;
  /** The one that was chosen could not be opened; the one before is in use. */
  couldNotSwitch(device: Device): void;
  /** Silenced from outside the page: by the system, a key of the keyboard, or a switch on the device; or not any more. */
  silenced(device: Device, on: boolean): void;
}

/** A device that has just been opened may be silent for a moment. */
const MUTED_AFTER_MS = 1000;

export class Takeover {
  constructor(private readonly world: TakeoverWorld) {}

  /** To be called with every track that is put to use. Our own `stop()` fires none of these events. */
  watch(device: Device, track: MediaStreamTrack): void {
    this.world.silenced(device, false);
    const inUse = () => this.world.tracks()[device] === track;
    track.addEventListener("ended", () => {
      if (inUse()) void this.replace(device, track);
    });
    const look = () => {
      if (inUse()) this.world.silenced(device, track.muted);
    };
    track.addEventListener("mute", () => setTimeout(look, MUTED_AFTER_MS));
    track.addEventListener("unmute", look);
    setTimeout(look, MUTED_AFTER_MS);
  }

  /** Puts the chosen device in the place of the one in use; mute stays as it is. */
  async choose(device: Device): Promise<void> {
    const old = this.world.tracks()[device];
    if (old === null) return;
    const oldId = old.getSettings().deviceId ?? "";
    const chosen = this.world.chosen()[device];
    let track = await open(device, chosen);
    if (track === "in_use") {
      // Many phones open only one camera at a time.
      old.stop();
      track = await open(device, chosen);
      if (typeof track === "string") {
        const back = await open(device, oldId);
        if (typeof back === "string") {
          this.world.setTracks({ ...this.world.tracks(), [device]: null });
          this.world.lost(device);
        } else this.put(device, old, back);
      }
    }
    if (typeof track === "string") this.world.couldNotSwitch(device);
    else this.put(device, old, track);
  }

  private async replace(device: Device, old: MediaStreamTrack): Promise<void> {
    const list = await readDeviceList();
    const gone = old.getSettings().deviceId;
    const chosen = this.world.chosen()[device];
    // No label: the permission is gone, not the device, and someone who took it back is not asked again.
    const others = (list?.[device] ?? []).filter(({ label }) => label !== "");
    // The chosen one first; the one that has just failed last, for a hiccup that left it in its place.
    const rank = (id: string) => (id === gone ? 2 : id === chosen ? 0 : 1);
    others.sort((a, b) => rank(a.id) - rank(b.id));
    for (const { id, label } of others) {
      const track = await open(device, id);
      if (this.world.tracks()[device] !== old) {
        if (typeof track !== "string") track.stop();
        return;
      }
      if (typeof track === "string") continue;
      this.put(device, old, track);
      this.world.switched(device, label);
      return;
    }
    if (this.world.tracks()[device] !== old) return;
    this.world.setTracks({ ...this.world.tracks(), [device]: null });
    this.world.lost(device);
  }

  private put(device: Device, old: MediaStreamTrack, track: MediaStreamTrack): void {
    if (this.world.tracks()[device] !== old) {
      // The call ended, or the camera was turned off, while the other was opening.
      track.stop();
      return;
    }
    track.enabled = old.enabled;
    this.world.setTracks({ ...this.world.tracks(), [device]: track });
    this.watch(device, track);
    old.stop();
  }
}

type Failure = DeviceProblem extends infer P ? (P extends `camera_${infer F}` ? F : never) : never;

async function open(device: Device, id: string): Promise<MediaStreamTrack | Failure> {
  const constraints = constraintsOf(device, id, true);
  try {
    const stream = await navigator.mediaDevices.getUserMedia({
      [device === "microphone" ? "audio" : "video"]: constraints,
    });
    return found(stream)[device] ?? "missing";
  } catch (error) {
    return failureOf(error);
  }
}
