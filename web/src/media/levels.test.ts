import { describe, expect, it } from "vitest";
import { meterOf, SpeakingMuted } from "./levels";

describe("the level", () => {
  it.each([
    ["silence", 0, 0],
    ["room noise at -50 dB", 0.00316, 0.17],
    ["speech at -30 dB", 0.0316, 0.5],
    ["full scale", 1, 1],
  ])("%s", (_, amplitude, expected) => {
    expect(meterOf(new Float32Array(64).fill(amplitude))).toBeCloseTo(expected, 1);
  });
});

describe("speaking although muted", () => {
  /** Readings every 100 ms; gives the moments at which the hint is there. */
  const hints = (levels: number[], muted = true) => {
    const speaking = new SpeakingMuted();
    return levels.flatMap((level, at) => (speaking.handle(level, muted, at * 100) ? [at] : []));
  };
  const times = (count: number, level: number) => Array.from({ length: count }, () => level);

  it("comes with speech, bridges the pauses, and goes three seconds after", () => {
    const shown = hints([...times(3, 0.6), 0.1, ...times(4, 0.6), ...times(40, 0)]);
    expect(shown[0]).toBe(4);
    expect(shown.at(-1)).toBe(4 + 5 + 29);
  });

  it.each<[string, number[], boolean]>([
    ["a door", [0, 0.9, 0.9, 0, 0, 0, 0.9, 0], true],
    ["a quiet room", times(50, 0.2), true],
    ["who is not muted", times(50, 0.9), false],
  ])("not for %s", (_, levels, muted) => expect(hints(levels, muted)).toEqual([]));
});
