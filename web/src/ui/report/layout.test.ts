import { describe, expect, it } from "vitest";
import { ANSWERED_MS, aCall } from "./fixtures";
import { marksOf, place, plotsOf, scaleOf, segmentsOf, ticksOf } from "./layout";

function ada() {
  const [first] = aCall().participants;
  if (first === undefined) throw new Error("she was in it");
  return first;
}

describe("the picture of a report", () => {
  it("begins at the answer and ends with the call", () => {
    const scale = scaleOf(aCall(), 480);
    expect(place(scale, 0)).toBe(0);
    expect(place(scale, ANSWERED_MS)).toBe(0);
    expect(place(scale, ANSWERED_MS + 120_000)).toBe(240);
    expect(place(scale, ANSWERED_MS + 999_000)).toBe(480);
  });

  it("lays paths side by side without a gap, and keeps the shortest visible", () => {
    const segments = segmentsOf(scaleOf(aCall(), 480), ada());
    expect(segments.map(({ path }) => path)).toEqual(["forwarded", "direct", "forwarded", "direct"]);
    for (const [n, one] of segments.entries()) {
      expect(one.width).toBeGreaterThanOrEqual(2);
      const next = segments[n + 1];
      if (next !== undefined) expect(Math.abs(one.x + one.width - next.x)).toBeLessThan(2.1);
    }
  });

  it.each([
    [320, 240_000, 60_000],
    [800, 240_000, 30_000],
    [320, 3_000, 1_000],
    [320, 7_200_000, 1_800_000],
    [320, 360_000_000, 72_000_000],
  ])("has ticks in %d pixels for %d ms that are %d ms apart", (width, long, step) => {
    const ticks = ticksOf({ zeroMs: 5, endMs: 5 + long, width });
    expect(ticks[1]).toBe(step);
    expect(ticks.length).toBeLessThanOrEqual(width / 64 + 1);
  });

  it("has a call of no length", () => {
    const report = { ...aCall(), lasted_ms: 0, calls: [] };
    const scale = scaleOf(report, 100);
    expect(place(scale, 0)).toBe(0);
    expect(ticksOf(scale)[0]).toBe(0);
  });

  it("draws loss both ways, and the rest once", () => {
    const [loss, jitter, roundTrip] = plotsOf(scaleOf(aCall(), 480), ada(), 30);
    expect(loss?.lines.map(({ sent }) => sent)).toEqual([false, true]);
    expect(loss?.worst).toBe(90);
    expect(jitter?.top).toBe(40);
    expect(roundTrip?.lines).toHaveLength(1);
    const values = loss?.lines[1]?.points.split(/[ ,]/).map(Number) ?? [];
    expect(values.every((value) => value >= 0 && value <= 480)).toBe(true);
  });

  it("breaks a line where nothing was measured", () => {
    const participant = ada();
    const measured = participant.measured.filter((_, n) => n < 5 || n > 20);
    const [, jitter] = plotsOf(scaleOf(aCall(), 480), { ...participant, measured }, 30);
    expect(jitter?.lines).toHaveLength(2);
    expect(plotsOf(scaleOf(aCall(), 480), { ...participant, measured: [] }, 30)[0]?.lines).toEqual([]);
  });

  it("puts what happened where it was", () => {
    const marks = marksOf(scaleOf(aCall(), 480), ada());
    expect(marks.find(({ what }) => what === "microphone_switched")?.x).toBe(120);
  });
});
