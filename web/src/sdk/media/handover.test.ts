import { describe, expect, it } from "vitest";
import { Handover } from "./handover";
import type { RemoteTracks } from "./remote";

const track = (id: string) => ({ id }) as MediaStreamTrack;
const remote = (prefix: string, paused = false): RemoteTracks =>
  new Map([
    [
      "ada",
      {
        microphone: { track: track(`${prefix}-voice`), paused: false },
        camera: { track: track(`${prefix}-picture`), paused },
      },
    ],
  ]);
const played = (merged: RemoteTracks) => [merged.get("ada")?.microphone?.track.id, merged.get("ada")?.camera?.track.id];
const counts = (all: Record<string, number>) => new Map(Object.entries(all));

describe("a hand-over", () => {
  it("plays each track from the old connection until the new one brings it", () => {
    const handover = new Handover(remote("old"), 0);
    const now = remote("new");
    let old = 0;
    const look = (arrived: Record<string, number>, at: number) => {
      old += 1;
      return handover.take(counts({ "old-voice": old }), counts(arrived), now, at);
    };
    expect(played(handover.merge(new Map()))).toEqual(["old-voice", "old-picture"]);
    expect(look({ "new-voice": 2, "new-picture": 2 }, 40)).toBe(false);
    expect(look({ "new-voice": 3, "new-picture": 2 }, 80)).toBe(true);
    expect(played(handover.merge(now))).toEqual(["new-voice", "old-picture"]);
    expect(handover.isOver).toBe(false);
    expect(look({ "new-voice": 9, "new-picture": 3 }, 120)).toBe(true);
    expect(played(handover.merge(now))).toEqual(["new-voice", "new-picture"]);
    expect([handover.isOver, handover.isSilent]).toEqual([true, false]);
  });

  it("keeps a picture that the server cannot send yet", () => {
    const handover = new Handover(remote("old"), 0);
    expect(handover.take(counts({ x: 1 }), counts({ "new-picture": 9 }), remote("new", true), 40)).toBe(false);
    expect(handover.take(counts({ x: 2 }), counts({ "new-picture": 9 }), remote("new"), 80)).toBe(true);
  });

  it("notices that the old process is gone, and shows the last picture until there is another", () => {
    const handover = new Handover(remote("old"), 0);
    const look = (old: number, at: number) => handover.take(counts({ "old-voice": old }), counts({}), new Map(), at);
    expect(look(5, 100)).toBe(false);
    look(5, 499);
    expect(handover.isSilent).toBe(false);
    look(5, 500);
    expect([handover.isOver, handover.isSilent]).toEqual([false, true]);
    expect(played(handover.merge(new Map()))).toEqual(["old-voice", "old-picture"]);
    // It was the machine that stood still.
    look(6, 540);
    expect(handover.isSilent).toBe(false);
  });

  it("does not wait for ever for who does not come", () => {
    const handover = new Handover(remote("old"), 0);
    let at = 0;
    for (; !handover.isOver && at < 60_000; at += 100) {
      handover.take(counts({ "old-voice": at }), counts({}), new Map(), at);
    }
    expect(at).toBeLessThanOrEqual(10_100);
  });

  it("waits for nothing that was not shown", () => {
    expect(new Handover(new Map(), 0).isOver).toBe(true);
    const paused = new Handover(new Map([["ada", { camera: { track: track("x"), paused: true } }]]), 0);
    expect(paused.isOver).toBe(true);
  });
});
