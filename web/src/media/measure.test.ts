import { describe, expect, it } from "vitest";
import { type Moment, measuredOf, momentOf } from "./measure";

const moment = (atMs: number, more: Partial<Moment> = {}): Moment => ({
  atMs,
  roundTripMs: 40,
  bytesSent: atMs * 100,
  packetsSent: atMs / 5,
  packetsLost: 0,
  reportedRoundTripMs: 60,
  estimateBps: null,
  ...more,
});

describe("what the moments tell", () => {
  it.each<[string, Moment[], object]>([
    ["nothing", [], { roundTripMs: null, loss: null, upBitrateBps: null }],
    ["the shortest round trip", [moment(200, { roundTripMs: 90 }), moment(400)], { roundTripMs: 40 }],
    ["the receiver's, where ICE tells none", [moment(200, { roundTripMs: null })], { roundTripMs: 60 }],
    ["no report on loss", [moment(200, { packetsLost: null })], { loss: null }],
    ["a share of what was sent", [moment(2000, { packetsLost: 20 })], { loss: 0.05 }],
    ["what is late is not lost", [moment(2000, { packetsLost: -3 })], { loss: 0 }],
    [
      "the last estimate",
      [moment(200, { estimateBps: 300_000 }), moment(2400, { estimateBps: 1_900_000 })],
      { upBitrateBps: 1_900_000, upIsFloor: false },
    ],
    [
      "what was sent after the first second, where there is no estimate",
      [moment(200, { bytesSent: 90_000 }), moment(1200, { bytesSent: 100_000 }), moment(2200, { bytesSent: 200_000 })],
      { upBitrateBps: 800_000, upIsFloor: true },
    ],
  ])("%s", (_, moments, wanted) => expect(measuredOf(moments)).toMatchObject(wanted));
});

it("reads one moment's statistics", () => {
  const entries = [
    { id: "t", type: "transport", selectedCandidatePairId: "p" },
    {
      id: "p",
      type: "candidate-pair",
      nominated: true,
      state: "succeeded",
      localCandidateId: "l",
      currentRoundTripTime: 0.0384,
      availableOutgoingBitrate: 1_500_000,
    },
    { id: "l", type: "local-candidate", protocol: "udp" },
    { id: "o", type: "outbound-rtp", bytesSent: 1000, packetsSent: 10 },
    { id: "r", type: "remote-inbound-rtp", packetsLost: 1, roundTripTime: 0.0401 },
  ];
  expect(momentOf(entries, 7)).toEqual({
    atMs: 7,
    roundTripMs: 38,
    bytesSent: 1000,
    packetsSent: 10,
    packetsLost: 1,
    reportedRoundTripMs: 40,
    estimateBps: 1_500_000,
  });
});
