import { describe, expect, it } from "vitest";
import { counters } from "./fixtures";
import { measuredOf } from "./measured";

describe("what was measured", () => {
  it("is told as shares of the time between", () => {
    const before = counters({ received: 100, lost: 10, sent: 50, framesDecoded: 30, frozenMs: 100 });
    const after = counters({
      atMs: 6000,
      received: 1020,
      lost: 90,
      sent: 1050,
      sentLost: 25,
      framesDecoded: 150,
      frozenMs: 700,
      jitterMs: 4.4,
      roundTripMs: 21,
    });
    expect(measuredOf("forwarded", before, after, true)).toEqual({
      path: "forwarded",
      lasted_ms: 6000,
      received_loss_permille: 80,
      sent_loss_permille: 25,
      jitter_ms: 4,
      round_trip_ms: 21,
      frames_per_s: 20,
      frozen_permille: 100,
    });
  });

  it("leaves out what cannot be told", () => {
    const after = counters({ atMs: 2000, received: 29, sent: 29, framesDecoded: 60 });
    expect(measuredOf("direct", counters({}), after, false)).toEqual({ path: "direct", lasted_ms: 2000 });
  });

  it("takes counters that fell for ones that began anew", () => {
    const before = counters({ received: 5000, sent: 5000 });
    const after = counters({ atMs: 2000, received: 40, sent: 40 });
    expect(measuredOf("direct", before, after, false)).toEqual({ path: "direct", lasted_ms: 2000 });
  });

  it("says that a picture stood still when none came", () => {
    const measured = measuredOf(
      "direct",
      counters({ framesDecoded: 9 }),
      counters({ atMs: 2000, framesDecoded: 9 }),
      true,
    );
    expect(measured).toMatchObject({ frames_per_s: 0, frozen_permille: 1000 });
  });

  it("has nothing of a page that slept", () => {
    expect(measuredOf("direct", counters({}), counters({ atMs: 60_001 }), true)).toBeNull();
    expect(measuredOf("direct", counters({ atMs: 5 }), counters({ atMs: 5 }), true)).toBeNull();
  });
});
