import { describe, expect, it } from "vitest";
import type { Participant, Source } from "../protocol";
import { arrange, atLeast, slotsFor } from "./slots";

const others = (count: number, screens = 0): Participant[] =>
  Array.from({ length: count }, (_, at) => ({
    participant_id: `p${at}`,
    user: { user_id: `u${at}`, name: "" },
    sources: (at < screens ? ["camera", "screen"] : ["camera"]) as Source[],
    reconnecting: false,
    host: false,
  }));

describe("how many slots are offered", () => {
  it.each([
    [0, 0, 0, { audio: 2, video: 2 }],
    [1, 0, 0, { audio: 2, video: 2 }],
    [1, 1, 0, { audio: 2, video: 2 }],
    [2, 1, 0, { audio: 3, video: 4 }],
    [3, 0, 0, { audio: 4, video: 4 }],
    [3, 0, 5, { audio: 4, video: 6 }],
    [6, 0, 0, { audio: 5, video: 6 }],
    [49, 0, 0, { audio: 5, video: 18 }],
    [49, 5, 40, { audio: 5, video: 18 }],
  ])("for %i others, %i of whom show a screen, and %i tiles", (count, screens, tiles, expected) => {
    expect(slotsFor(others(count, screens), tiles)).toEqual(expected);
  });

  it("is enough for one more before they come", () => {
    expect(slotsFor(others(1), 1, 1)).toEqual(slotsFor(others(2), 2));
    expect(slotsFor(others(1, 1), 2, 1)).toEqual(slotsFor(others(2, 1), 3));
  });

  it("never becomes fewer", () => {
    expect(atLeast({ audio: 2, video: 6 }, { audio: 3, video: 2 })).toEqual({ audio: 3, video: 6 });
  });
});

describe("what comes in the slots", () => {
  it("is told by participant and source, without m-lines that are not there", () => {
    const tracks: Record<string, MediaStreamTrack> = { 0: {} as MediaStreamTrack, 4: {} as MediaStreamTrack };
    const slot = (mid: string, participant_id: string, source: Source, paused = false) => ({
      mid,
      participant_id,
      source,
      paused,
    });
    const remote = arrange(
      [slot("0", "a", "microphone"), slot("4", "a", "camera", true), slot("9", "b", "camera")],
      (mid) => tracks[mid] ?? null,
    );
    expect([...remote.keys()]).toEqual(["a"]);
    expect(remote.get("a")?.microphone?.track).toBe(tracks[0]);
    expect(remote.get("a")?.camera).toEqual({ track: tracks[4], paused: true });
  });
});
