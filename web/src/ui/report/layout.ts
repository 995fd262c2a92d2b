/** Where everything stands in the picture of a call's report. Pure: times in, pixels out. */

import type { CallReport, Happening, Measured, Path, PathReason, ReportedParticipant } from "../../sdk/protocol";
import type { Carried } from "./facts";

/** From the answer to the end: that is the time that people remember. */
export interface Scale {
  zeroMs: number;
  endMs: number;
  width: number;
}

export interface Segment extends Carried {
  x: number;
  width: number;
  path: Path;
  reason: PathReason;
  fromMs: number;
  untilMs: number;
}

export interface PlacedMark {
  x: number;
  atMs: number;
  what: Happening;
}

export interface Plot {
  key: "loss" | "jitter" | "round_trip";
  /** The value at the top. */
  top: number;
  /** One list of points for each line without a gap; `sent` is what the other end misses. */
  lines: { sent: boolean; points: string }[];
  worst: number;
}

/** Ticks are a whole number of these apart. */
const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];
const TICK_WIDTH = 64;
/** Where nothing was measured for longer, no line is drawn. */
const GAP_MS = 15_000;
/** A good call is not to look like mountains. */
const TOP_MIN = { loss: 50, jitter: 40, round_trip: 100 } as const;
/** What can be seen and hit. */
const SEGMENT_MIN = 2;

export function scaleOf(report: CallReport, width: number): Scale {
  const answers = report.calls.flatMap(({ answered_ms }) => answered_ms ?? []);
  const zeroMs = Math.min(report.lasted_ms, ...answers);
  return { zeroMs, endMs: Math.max(report.lasted_ms, zeroMs + 1000), width: Math.max(1, width) };
}

export function place(scale: Scale, ms: number): number {
  const { zeroMs, endMs, width } = scale;
  const inside = Math.min(endMs, Math.max(zeroMs, ms));
  return round(((inside - zeroMs) / (endMs - zeroMs)) * width);
}

/** Milliseconds since the answer. */
export function ticksOf({ zeroMs, endMs, width }: Scale): number[] {
  const long = endMs - zeroMs;
  const most = Math.max(1, Math.floor(width / TICK_WIDTH));
  const stepMs =
    (STEPS_S.find((step) => long / (step * 1000) <= most) ?? Math.ceil(long / most / 3_600_000) * 3600) * 1000;
  return Array.from({ length: Math.floor(long / stepMs) + 1 }, (_, n) => n * stepMs);
}

export function segmentsOf(scale: Scale, { paths }: ReportedParticipant): Segment[] {
  return paths.map(({ from_ms: fromMs, until_ms: untilMs, path, protocol = null, relayed, reason }) => {
    const x = place(scale, fromMs);
    return {
      x,
      width: Math.max(SEGMENT_MIN, round(place(scale, untilMs) - x)),
      path,
      protocol,
      relayed,
      reason,
      fromMs,
      untilMs,
    };
  });
}

export function marksOf(scale: Scale, { marks }: ReportedParticipant): PlacedMark[] {
  return marks.map(({ at_ms, what }) => ({ x: place(scale, at_ms), atMs: at_ms, what }));
}

export function plotsOf(scale: Scale, participant: ReportedParticipant, height: number): Plot[] {
  const plot = (
    key: Plot["key"],
    read: (measured: Measured) => number | null | undefined,
    sent?: typeof read,
  ): Plot => {
    const sides = [read, ...(sent === undefined ? [] : [sent])];
    const values = participant.measured.flatMap(({ measured }) => sides.map((side) => side(measured) ?? 0));
    const worst = Math.max(0, ...values);
    const top = Math.max(TOP_MIN[key], worst);
    const lines = sides.flatMap((side, n) =>
      linesOf(scale, participant, side, top, height).map((points) => ({ sent: n === 1, points })),
    );
    return { key, top, lines, worst };
  };
  return [
    plot(
      "loss",
      (one) => one.received_loss_permille,
      (one) => one.sent_loss_permille,
    ),
    plot("jitter", (one) => one.jitter_ms),
    plot("round_trip", (one) => one.round_trip_ms),
  ];
}

function linesOf(
  scale: Scale,
  { measured }: ReportedParticipant,
  read: (measured: Measured) => number | null | undefined,
  top: number,
  height: number,
): string[] {
  const lines: string[][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const { at_ms, measured: one } of measured) {
    const value = read(one) ?? null;
    if (value === null) continue;
    const from = at_ms - one.lasted_ms;
    if (from - last > GAP_MS) lines.push([]);
    last = at_ms;
    const y = round(height - (Math.min(value, top) / top) * height);
    // Level over the time that it was measured in.
    lines.at(-1)?.push(`${place(scale, from)},${y} ${place(scale, at_ms)},${y}`);
  }
  return lines.map((points) => points.join(" "));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
