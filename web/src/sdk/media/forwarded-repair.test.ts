import { describe, expect, it } from "vitest";
import { ForwardedRepair, type ForwardedStep, type ForwardedView } from "./forwarded-repair";

const ALL: ForwardedStep = { kind: "restart_ice" };
const TCP: ForwardedStep = { kind: "renew", candidates: "tcp" };
const RENEW: ForwardedStep = { kind: "renew", candidates: "all" };
const LOSSY_FOR_MS = 5000;

/** Samples every 200 ms. */
class Run {
  now = 0;
  readonly repair = new ForwardedRepair();
  readonly steps: { at: number; step: ForwardedStep }[] = [];
  view: ForwardedView = {
    state: "connected",
    starving: false,
    reachable: true,
    protocol: "udp",
    loss: 0,
    roundTripMs: 40,
  };

  constructor(offersTcp = true) {
    this.repair.answered(offersTcp);
    this.pass(1000);
  }

  set(view: Partial<ForwardedView>): this {
    this.view = { ...this.view, ...view };
    return this;
  }

  answer(): this {
    this.repair.answered(true);
    return this;
  }

  pass(ms: number): this {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 200;
      const step = this.repair.handle(this.view, this.now);
      if (step !== null) this.steps.push({ at: this.now, step });
      if (step?.kind === "renew") this.repair.renewed(step.candidates);
    }
    return this;
  }

  /** What was done, and forgets it. */
  done(): ForwardedStep[] {
    return this.steps.splice(0).map(({ step }) => step);
  }
}

describe("a connection that brings nothing", () => {
  const rows: [string, Partial<ForwardedView>, ForwardedStep[]][] = [
    ["starves", { starving: true }, [ALL]],
    ["is disconnected", { state: "disconnected" }, [ALL]],
    ["is well", {}, []],
    ["is on its way", { state: "connecting" }, []],
    ["has failed, and is made anew anyway", { state: "failed" }, []],
    ["starves while the server cannot be asked", { starving: true, reachable: false }, []],
  ];
  it.each(rows)("%s", (_, view, steps) => {
    expect(new Run().set(view).pass(400).done()).toEqual(steps);
  });

  it("is restarted once, until that has brought something", () => {
    const run = new Run().set({ starving: true }).pass(1000).answer().pass(1400);
    expect(run.done()).toEqual([ALL]);
    expect(run.set({ starving: false }).pass(20_000).done()).toEqual([]);
  });

  it("is made anew when a restart has not connected in 4 s, answered or not", () => {
    for (const answered of [true, false]) {
      const run = new Run().set({ state: "disconnected" }).pass(200);
      if (answered) run.answer();
      run.pass(3800);
      expect(run.done()).toEqual([ALL]);
      expect(run.pass(200).done()).toEqual([RENEW]);
    }
  });

  it("waits longer from time to time, and starts anew once it held", () => {
    const run = new Run().set({ state: "disconnected" });
    for (let n = 0; n < 4; n++) run.pass(8000).answer();
    const at = run.steps.map(({ at }) => at);
    expect(run.done().slice(0, 4)).toEqual([ALL, RENEW, ALL, RENEW]);
    expect((at[2] ?? 0) - (at[1] ?? 0)).toBeGreaterThanOrEqual(2000);
    expect((at[4] ?? 0) - (at[3] ?? 0)).toBeGreaterThanOrEqual(8000);
    run.answer().set({ state: "connected" }).pass(20_000).done();
    expect(run.set({ state: "disconnected" }).pass(200).done()).toEqual([ALL]);
  });

  it("does not count the time in which the server could not be asked", () => {
    const run = new Run().set({ starving: true }).pass(200).set({ reachable: false }).pass(10_000);
    expect(run.done()).toEqual([ALL]);
    expect(run.set({ reachable: true }).pass(3800).done()).toEqual([]);
    expect(run.pass(400).done()).toEqual([RENEW]);
  });
});

describe("another network", () => {
  it("gets new addresses once it has settled, although all looks well", () => {
    const run = new Run();
    run.repair.networkChanged(run.now);
    expect(run.pass(200).done()).toEqual([]);
    expect(run.pass(200).done()).toEqual([ALL]);
  });

  it("that comes during a restart waits for the answer, and is followed by another", () => {
    const run = new Run().set({ starving: true }).pass(200);
    run.repair.networkChanged(run.now);
    expect(run.pass(1000).done()).toEqual([ALL]);
    expect(run.answer().pass(200).done()).toEqual([ALL]);
  });

  it("makes what is not up yet anew", () => {
    const run = new Run().set({ state: "connecting" });
    run.repair.networkChanged(run.now);
    expect(run.pass(400).done()).toEqual([RENEW]);
  });

  it("waits until the server can be asked", () => {
    const run = new Run().set({ reachable: false });
    run.repair.networkChanged(run.now);
    expect(run.pass(5000).done()).toEqual([]);
    expect(run.set({ reachable: true }).pass(200).done()).toEqual([ALL]);
  });
});

describe("a lossy UDP", () => {
  const onTcp = (more: Partial<ForwardedView> = {}) => {
    const run = new Run().set({ loss: 0.12 }).pass(LOSSY_FOR_MS + 200);
    expect(run.done()).toEqual([TCP]);
    return run
      .answer()
      .set({ protocol: "tcp", loss: null, ...more })
      .pass(400);
  };

  const rows: [string, boolean, Partial<ForwardedView>, ForwardedStep[]][] = [
    ["is left for TCP", true, { loss: 0.08 }, [TCP]],
    ["is kept where the server has no TCP", false, { loss: 0.3 }, []],
    ["is kept below the threshold", true, { loss: 0.07 }, []],
    ["is kept while nothing is known", true, { loss: null }, []],
    ["is no reason to leave TCP", true, { loss: 0.3, protocol: "tcp" }, []],
  ];
  it.each(rows)("%s", (_, offersTcp, view, steps) => {
    expect(
      new Run(offersTcp)
        .set(view)
        .pass(LOSSY_FOR_MS + 400)
        .done(),
    ).toEqual(steps);
  });

  it("is kept while the server gets used to a link that has become narrow", () => {
    const run = new Run();
    for (let i = 0; i < 5; i += 1)
      run
        .set({ loss: 0.4 })
        .pass(LOSSY_FOR_MS - 200)
        .set({ loss: 0.02 })
        .pass(200);
    expect(run.done()).toEqual([]);
  });

  it("is tried again after a minute on a TCP that is better, and then after two", () => {
    const run = onTcp().set({ loss: 0 });
    expect(run.repair.reasonFor("tcp")).toBe("udp_loss");
    const from = run.now;
    run.pass(58_000);
    expect(run.done()).toEqual([]);
    run.pass(4000);
    expect(run.done()).toEqual([ALL]);
    expect(run.now - from).toBeLessThanOrEqual(63_000);
    expect(run.repair.reasonFor("udp")).toBe("udp_recovered");
    // It still is lossy.
    run.answer().set({ protocol: "udp", loss: null }).pass(4000).set({ loss: 0.2 });
    run.pass(LOSSY_FOR_MS + 200);
    expect(run.done()).toEqual([TCP]);
    run.answer().set({ protocol: "tcp", loss: 0 }).pass(110_000);
    expect(run.done()).toEqual([]);
    expect(run.pass(20_000).done()[0]).toEqual(ALL);
  });

  const worse: [string, Partial<ForwardedView>][] = [
    ["loses as much: it is the other's side", { loss: 0.1 }],
    ["makes people wait", { roundTripMs: 500 }],
    ["brings nothing", { starving: true }],
    ["does not hold", { state: "disconnected" }],
  ];
  it.each(worse)("is taken back when TCP %s, and TCP left alone for a minute", (_, view) => {
    const run = onTcp().set(view).pass(400);
    expect(run.done()).toEqual([ALL]);
    run.answer().set({ protocol: "udp", loss: 0.12, starving: false, state: "connected", roundTripMs: 40 });
    expect(run.pass(58_000).done()).toEqual([]);
    expect(run.pass(4000).done()).toEqual([TCP]);
  });

  it("is taken back when TCP cannot be reached", () => {
    const run = new Run()
      .set({ loss: 0.12 })
      .pass(LOSSY_FOR_MS + 200)
      .answer();
    run.set({ state: "connecting", protocol: null });
    expect(run.pass(3800).done()).toEqual([TCP]);
    expect(run.pass(400).done()).toEqual([RENEW]);
    expect(run.answer().set({ state: "connected", protocol: "udp" }).pass(20_000).done()).toEqual([]);
  });
});

describe("a dead UDP", () => {
  it("is left for another connection as soon as TCP is known to live", () => {
    const run = new Run().set({ starving: true }).pass(200).answer();
    expect(run.pass(1600).done()).toEqual([ALL]);
    expect(run.pass(200).done()).toEqual([RENEW]);
    const noTcp = new Run(false).set({ starving: true }).pass(200);
    noTcp.repair.answered(false);
    expect(noTcp.pass(3600).done()).toEqual([ALL]);
  });

  it("gives way to what ICE finds, and is looked for again after a minute", () => {
    const run = new Run().set({ starving: true }).pass(200).answer().set({ protocol: "tcp", starving: false });
    expect(run.pass(400).done()).toEqual([ALL]);
    expect(run.repair.reasonFor("tcp")).toBe("udp_dead");
    expect(run.pass(55_000).done()).toEqual([]);
    expect(run.pass(6000).done()).toEqual([ALL]);
  });

  it("that never was alive is not looked for", () => {
    const run = new Run();
    const fresh = new ForwardedRepair();
    fresh.answered(true);
    for (let now = 0; now < 200_000; now += 200) {
      expect(fresh.handle({ ...run.view, protocol: "tls" }, now)).toBeNull();
    }
  });
});
