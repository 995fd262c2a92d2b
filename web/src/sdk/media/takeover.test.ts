import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Takeover } from "./takeover";

/** A microphone that something outside the page can silence. */
class FakeTrack extends EventTarget {
  muted = false;

  silence(muted: boolean): void {
    this.muted = muted;
    this.dispatchEvent(new Event(muted ? "mute" : "unmute"));
  }
}

function watched() {
  const track = new FakeTrack();
  const tracks = { microphone: track as unknown as MediaStreamTrack, camera: null };
  const silenced: Record<string, boolean> = {};
  const world = {
    tracks: () => tracks,
    setTracks: () => {},
    chosen: () => ({ microphone: "", camera: "" }),
    lost: () => {},
    silenced: (device: string, on: boolean) => {
      silenced[device] = on;
    },
  };
  new Takeover(world as unknown as ConstructorParameters<typeof Takeover>[0]).watch("microphone", tracks.microphone);
  return { track, tracks, silenced };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("a microphone that the system silences is told, and told again when it is back", () => {
  const { track, silenced } = watched();
  track.silence(true);
  expect(silenced.microphone).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(silenced).toEqual({ microphone: true });
  track.silence(false);
  expect(silenced.microphone).toBe(false);
});

test("a silence of less than a second is none", () => {
  const { track, silenced } = watched();
  track.silence(true);
  track.silence(false);
  vi.advanceTimersByTime(2000);
  expect(silenced.microphone).toBe(false);
});

test("a track that is not in use any more says nothing", () => {
  const { track, tracks, silenced } = watched();
  tracks.microphone = new FakeTrack() as unknown as MediaStreamTrack;
  track.silence(true);
  vi.advanceTimersByTime(2000);
  expect(silenced.microphone).toBe(false);
});
