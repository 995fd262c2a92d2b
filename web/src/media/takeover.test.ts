import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { systemMuted, Takeover } from "./takeover";

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
  const world = {
    tracks: () => tracks,
    setTracks: () => {},
    chosen: () => ({ microphone: "", camera: "" }),
    lost: () => {},
  };
  new Takeover(world as unknown as ConstructorParameters<typeof Takeover>[0]).watch("microphone", tracks.microphone);
  return { track, tracks };
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("a microphone that the system silences is told, and told again when it is back", () => {
  const { track } = watched();
  track.silence(true);
  expect(systemMuted.value.microphone).toBe(false);
  vi.advanceTimersByTime(1000);
  expect(systemMuted.value).toEqual({ microphone: true, camera: false });
  track.silence(false);
  expect(systemMuted.value.microphone).toBe(false);
});

test("a silence of less than a second is none", () => {
  const { track } = watched();
  track.silence(true);
  track.silence(false);
  vi.advanceTimersByTime(2000);
  expect(systemMuted.value.microphone).toBe(false);
});

test("a track that is not in use any more says nothing", () => {
  const { track, tracks } = watched();
  tracks.microphone = new FakeTrack() as unknown as MediaStreamTrack;
  track.silence(true);
  vi.advanceTimersByTime(2000);
  expect(systemMuted.value.microphone).toBe(false);
});
