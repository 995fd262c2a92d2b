// What tests of measurements begin with.

import type { Counters } from "./quality";

export function counters(more: Partial<Counters>): Counters {
  return {
    atMs: 0,
    received: 0,
    lost: 0,
    sent: 0,
    sentLost: 0,
    framesDecoded: 0,
    frozenMs: 0,
    jitterMs: 0,
    upLoss: null,
    upBitrateBps: null,
    cpuLimited: false,
    roundTripMs: null,
    ...more,
  };
}
