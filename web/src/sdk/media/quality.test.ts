import { describe, expect, it } from "vitest";
import { counters } from "./fixtures";
import {
  type Counters,
  countersOf,
  type Grade,
  type Numbers,
  numbersOf,
  Steady,
  type Verdict,
  verdictOf,
} from "./quality";

const GOOD: Numbers = {
  downLoss: 0,
  frozen: 0,
  jitterMs: 5,
  upLoss: 0,
  upBitrateBps: 2_000_000,
  cpuLimited: false,
  roundTripMs: 40,
};

describe("the verdict", () => {
  it.each<[string, "direct" | "forwarded", Partial<Numbers>, string]>([
    ["all well", "direct", {}, "good null"],
    ["a browser that tells little", "direct", { upLoss: null, upBitrateBps: null, roundTripMs: null }, "good null"],
    ["a little loss is repaired", "direct", { downLoss: 0.02 }, "good null"],
    ["loss on what comes", "direct", { downLoss: 0.05 }, "fair theirs"],
    ["much loss on what comes", "forwarded", { downLoss: 0.2 }, "poor theirs"],
    ["loss on what we send", "forwarded", { upLoss: 0.05 }, "fair mine"],
    ["much loss on what we send", "direct", { upLoss: 0.3 }, "poor mine"],
    ["loss both ways, direct", "direct", { downLoss: 0.05, upLoss: 0.12 }, "poor way"],
    ["loss both ways, through the server", "forwarded", { downLoss: 0.05, upLoss: 0.05 }, "fair mine"],
    ["a picture that stands still", "direct", { frozen: 1 }, "poor theirs"],
    ["a picture that stutters", "direct", { frozen: 0.15 }, "fair theirs"],
    ["jitter", "direct", { jitterMs: 60 }, "fair theirs"],
    ["a long way", "forwarded", { roundTripMs: 450 }, "fair way"],
    ["a very long way", "direct", { roundTripMs: 900 }, "poor way"],
    ["a long way with much loss", "forwarded", { roundTripMs: 450, upLoss: 0.2 }, "poor mine"],
    ["little room to send", "direct", { upBitrateBps: 150_000 }, "fair mine"],
    ["no room to send", "direct", { upBitrateBps: 40_000 }, "poor mine"],
    ["a busy computer", "direct", { cpuLimited: true }, "fair mine"],
  ])("%s", (_, path, numbers, expected) => {
    const { grade, side } = verdictOf(path, { ...GOOD, ...numbers });
    expect(`${grade} ${side}`).toBe(expected);
  });
});

describe("what lies between two moments", () => {
  const at = (atMs: number, more: Partial<Counters> = {}) => counters({ atMs, ...more });

  it.each<[string, Counters, Counters, boolean, Partial<Numbers>]>([
    ["loss is a share", at(0), at(2000, { received: 90, lost: 10 }), true, { downLoss: 0.1 }],
    ["nothing came", at(0), at(2000), true, { downLoss: 0, frozen: 0 }],
    ["late packets take losses back", at(0, { lost: 9 }), at(2000, { received: 90, lost: 4 }), true, { downLoss: 0 }],
    ["a freeze that is over", at(0), at(2000, { framesDecoded: 9, frozenMs: 500 }), true, { frozen: 0.25 }],
    ["one that goes on", at(0, { framesDecoded: 9 }), at(2000, { framesDecoded: 9 }), true, { frozen: 1 }],
    ["a camera that is off", at(0, { framesDecoded: 9 }), at(2000, { framesDecoded: 9 }), false, { frozen: 0 }],
  ])("%s", (_, before, after, camera, expected) => {
    expect(numbersOf(before, after, camera)).toMatchObject(expected);
  });
});

it("reads what browsers report, and leaves old reports out", () => {
  const counters = countersOf(
    [
      { id: "1", type: "inbound-rtp", packetsReceived: 100, packetsLost: 2, jitter: 0.01 },
      { id: "2", type: "inbound-rtp", packetsReceived: 200, packetsLost: -1, jitter: 0.03, totalFreezesDuration: 0.4 },
      { id: "3", type: "remote-inbound-rtp", fractionLost: 0.04, timestamp: 99_000 },
      { id: "4", type: "remote-inbound-rtp", fractionLost: 0.5, timestamp: 60_000 },
      { id: "5", type: "candidate-pair", nominated: true, state: "succeeded", availableOutgoingBitrate: 300_000 },
      { id: "6", type: "outbound-rtp", qualityLimitationReason: "cpu" },
    ],
    100_000,
  );
  expect(counters).toMatchObject({ received: 300, lost: 1, jitterMs: 30, frozenMs: 400, upLoss: 0.04 });
  expect(counters).toMatchObject({ upBitrateBps: 300_000, cpuLimited: true });
});

describe("a steady verdict", () => {
  const grades = (...verdicts: Grade[]) => {
    const steady = new Steady();
    return verdicts.map((grade) => {
      const verdict: Verdict = { grade, side: grade === "good" ? null : "mine" };
      return steady.handle(verdict).grade;
    });
  };
  it.each<[string, Grade[], Grade[]]>([
    ["one bad moment is none", ["good", "poor", "good", "poor"], ["good", "good", "good", "good"]],
    ["two are", ["good", "poor", "poor"], ["good", "good", "poor"]],
    ["three good ones end it", ["fair", "fair", "good", "good", "good"], ["good", "fair", "fair", "fair", "good"]],
  ])("%s", (_, seen, shown) => expect(grades(...seen)).toEqual(shown));
});
