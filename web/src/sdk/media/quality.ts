/**
 * How good the call is and whose side it is. Pure: `countersOf` reads one getStats, `numbersOf` compares two, `verdictOf` judges,
 * and `Steady` keeps a single bad second from flickering.
 *
 * What comes in is bad by the other's way up or by our way down; what we send, by our way up or the other's way down. Ways up
 * are the narrow ones, so a bad direction is laid at its sender's door, unless both directions are bad.
 */

import type { Path } from "../protocol";
import { inboundOf } from "./stats";

type Entry = Record<string, unknown> & { id: string; type: string };

/** Of one moment. Counters only grow, except where Firefox starts a stream anew. */
export interface Counters {
  atMs: number;
  received: number;
  lost: number;
  /** What was sent, and how much of it the receiver misses. */
  sent: number;
  sentLost: number;
  framesDecoded: number;
  frozenMs: number;
  jitterMs: number;
  /** What the receiver of our media reports, 0..1; null without a recent report. */
  upLoss: number | null;
  upBitrateBps: number | null;
  cpuLimited: boolean;
  roundTripMs: number | null;
}

/** Of the time between two moments. */
export interface Numbers {
  downLoss: number;
  /** The share of the time in which the picture stood still. */
  frozen: number;
  jitterMs: number;
  upLoss: number | null;
  upBitrateBps: number | null;
  cpuLimited: boolean;
  roundTripMs: number | null;
}

export type Grade = "good" | "fair" | "poor";
/** `way`: what lies between, the network or the way through the server. */
export type Side = "mine" | "theirs" | "way";

export interface Verdict {
  grade: Grade;
  /** null while all is good. */
  side: Side | null;
}

const GRADES: Grade[] = ["good", "fair", "poor"];

/** From where on it is fair, and from where on poor. */
const LOSS = [0.03, 0.1] as const;
const FROZEN = [0.1, 0.4] as const;
const JITTER_MS = [40, 120] as const;
const ROUND_TRIP_MS = [300, 700] as const;
/** Below these; a camera needs the first, intelligible sound and a thumbnail the second. */
const UP_BITRATE_BPS = [200_000, 80_000] as const;
const REPORT_OLD_MS = 10_000;
const WORSE_AFTER = 2;
const BETTER_AFTER = 3;

export function countersOf(entries: Entry[], nowMs: number): Counters {
  const of = (type: string) => entries.filter((entry) => entry.type === type);
  const sum = (list: Entry[], key: string) => list.reduce((total, entry) => total + (number(entry[key]) ?? 0), 0);
  const inbound = of("inbound-rtp");
  const reports = of("remote-inbound-rtp").filter((entry) => nowMs - (number(entry.timestamp) ?? 0) < REPORT_OLD_MS);
  const losses = reports.flatMap((entry) => number(entry.fractionLost) ?? []);
  const { packetsSent: sent, sentLost, roundTripMs } = inboundOf(entries);
  const pair = of("candidate-pair").find((entry) => entry.nominated === true && entry.state === "succeeded");
  return {
    atMs: nowMs,
    received: sum(inbound, "packetsReceived"),
    lost: sum(inbound, "packetsLost"),
    sent,
    sentLost,
    framesDecoded: sum(inbound, "framesDecoded"),
    frozenMs: sum(inbound, "totalFreezesDuration") * 1000,
    jitterMs: Math.max(0, ...inbound.map((entry) => (number(entry.jitter) ?? 0) * 1000)),
    upLoss: losses.length > 0 ? Math.max(...losses) : null,
    upBitrateBps: number(pair?.availableOutgoingBitrate),
    cpuLimited: of("outbound-rtp").some((entry) => entry.qualityLimitationReason === "cpu"),
    roundTripMs,
  };
}

/** `camera`: whether the other's camera is on, so that pictures have to come. */
export function numbersOf(before: Counters, after: Counters, camera: boolean): Numbers {
  const { jitterMs, upLoss, upBitrateBps, cpuLimited, roundTripMs } = after;
  const grown = (key: "received" | "lost" | "frozenMs") => Math.max(0, after[key] - before[key]);
  const lost = grown("lost");
  const all = grown("received") + lost;
  // The duration of a freeze is told only when it is over.
  const still = camera && before.framesDecoded > 0 && after.framesDecoded === before.framesDecoded;
  const elapsed = Math.max(1, after.atMs - before.atMs);
  return {
    downLoss: all > 0 ? lost / all : 0,
    frozen: still ? 1 : camera ? Math.min(1, grown("frozenMs") / elapsed) : 0,
    jitterMs,
    upLoss,
    upBitrateBps,
    cpuLimited,
    roundTripMs,
  };
}

export function verdictOf(path: Path, numbers: Numbers): Verdict {
  const down = worst(above(numbers.downLoss, LOSS), above(numbers.frozen, FROZEN), above(numbers.jitterMs, JITTER_MS));
  const up = worst(
    above(numbers.upLoss ?? 0, LOSS),
    numbers.upBitrateBps === null ? 0 : above(-numbers.upBitrateBps, [-UP_BITRATE_BPS[0], -UP_BITRATE_BPS[1]]),
    numbers.cpuLimited ? 1 : 0,
  );
  const way = above(numbers.roundTripMs ?? 0, ROUND_TRIP_MS);
  const grade = GRADES[worst(down, up, way)] ?? "good";
  if (grade === "good") return { grade, side: null };
  if (way > Math.max(up, down)) return { grade, side: "way" };
  // Through the server both directions have only our own way in common.
  if (up > 0 && down > 0) return { grade, side: path === "direct" ? "way" : "mine" };
  return { grade, side: up > 0 ? "mine" : "theirs" };
}

/** Takes a verdict as true when it has been repeated: getting worse at once would flicker, getting better even more. */
export class Steady {
  private shown: Verdict = { grade: "good", side: null };
  private seen = 0;

  handle(verdict: Verdict): Verdict {
    const turn = GRADES.indexOf(verdict.grade) - GRADES.indexOf(this.shown.grade);
    if (turn === 0 && verdict.side === this.shown.side) {
      this.seen = 0;
      return this.shown;
    }
    this.seen += 1;
    if (this.seen >= (turn > 0 ? WORSE_AFTER : BETTER_AFTER)) {
      this.shown = verdict;
      this.seen = 0;
    }
    return this.shown;
  }
}

function above(value: number, [fair, poor]: readonly [number, number]): number {
  return value >= poor ? 2 : value >= fair ? 1 : 0;
}

function worst(...grades: number[]): number {
  return Math.max(...grades);
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
