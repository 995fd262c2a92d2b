import { describe, expect, it } from "vitest";
import type { Path, PathProtocol, Source } from "../protocol";
import { Paths, type PathsOutput } from "./paths";
import { RoomPath } from "./room-path";

const BOTH: Source[] = ["microphone", "camera"];

/** Samples every 200 ms; what flows on a path is said by setting `flows`. */
class Run {
  now = 1000;
  readonly out: (PathsOutput & { at: number })[] = [];
  readonly flows: Record<Path, { video: boolean; audio: boolean }> = {
    direct: { video: false, audio: false },
    forwarded: { video: false, audio: false },
  };
  readonly paths: Paths | RoomPath;
  private readonly counters = {
    direct: { framesDecoded: 0, videoPackets: 0, audioPackets: 0, packetsLost: 0 },
    forwarded: { framesDecoded: 0, videoPackets: 0, audioPackets: 0, packetsLost: 0 },
  };
  /** The shares of packets that are lost, and the round trips. */
  loss = 0;
  forwardedLoss = 0;
  /** Whether the server says anything at all. */
  reports = true;
  private transportPackets = 0;
  protocol: PathProtocol = "udp";
  reachable = true;
  readonly roundTripMs: Record<Path, number> = { direct: 20, forwarded: 30 };

  constructor({ allowed = true, polite = true, sources = BOTH } = {}) {
    this.paths = allowed
      ? new Paths(polite, sources, this.now, this.now)
      : new RoomPath(1, sources, this.now, this.now);
  }

  input(input: Parameters<Paths["handle"]>[0]): this {
    this.out.push(...this.paths.handle(input, this.now).map((one) => ({ ...one, at: this.now })));
    return this;
  }

  state(path: Path, state: RTCPeerConnectionState): this {
    return this.input({ kind: "connection", path, state });
  }

  flow(path: Path, on: boolean): this {
    this.flows[path] = { video: on, audio: on };
    return this;
  }

  reset(path: Path): this {
    Object.assign(this.counters[path], { framesDecoded: 0, videoPackets: 0, audioPackets: 0 });
    return this;
  }

  pass(ms: number): this {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 200;
      for (const path of ["direct", "forwarded"] as const) {
        if (this.flows[path].video) {
          this.counters[path].framesDecoded += 6;
          this.counters[path].videoPackets += 20;
        }
        if (this.flows[path].audio) this.counters[path].audioPackets += 10;
      }
      if (this.flows.direct.video) this.counters.direct.packetsLost += (30 * this.loss) / (1 - this.loss);
      if (this.flows.forwarded.video) {
        this.counters.forwarded.packetsLost += (30 * this.forwardedLoss) / (1 - this.forwardedLoss);
      }
      if (this.reports) this.transportPackets += 4;
      const [direct, forwarded] = (["direct", "forwarded"] as const).map((path) => ({
        ...this.counters[path],
        roundTripMs: this.roundTripMs[path],
        transportPackets: path === "forwarded" ? this.transportPackets : null,
        protocol: path === "forwarded" ? this.protocol : null,
      }));
      this.input({ kind: "sample", direct: direct ?? null, forwarded: forwarded ?? null, reachable: this.reachable });
    }
    return this;
  }

  of<K extends PathsOutput["kind"]>(kind: K) {
    return this.out.filter((one) => one.kind === kind) as (Extract<PathsOutput, { kind: K }> & { at: number })[];
  }

  forget(): this {
    this.out.length = 0;
    return this;
  }
}

/** A call that has reached its direct path. */
function direct(options: ConstructorParameters<typeof Run>[0] = {}): Run {
  const run = new Run(options).state("forwarded", "connected").flow("forwarded", true).pass(400);
  run.state("direct", "connected").flow("direct", true).pass(400);
  return run.flow("forwarded", false).pass(1000);
}

describe("a quiet call on direct", () => {
  it("expects one more, once, when the change to direct is over", () => {
    const run = direct();
    expect(run.of("expect_more")).toEqual([]);
    run.pass(10_000);
    expect(run.of("expect_more")).toHaveLength(1);
    expect(run.of("expect_more")[0]?.at).toBeGreaterThanOrEqual((run.of("show").at(-1)?.at ?? 0) + 3000);
  });

  it("is not expected to grow while forwarded carries it", () => {
    const run = new Run().state("forwarded", "connected").flow("forwarded", true).pass(10_000);
    expect(run.of("expect_more")).toEqual([]);
  });
});

describe("the start of a call", () => {
  it("shows the first media, on forwarded, with the time it took", () => {
    const run = new Run().state("forwarded", "connected").pass(400).flow("forwarded", true).pass(200);
    expect(run.of("show")).toMatchObject([{ path: "forwarded", reason: "first_media" }]);
    expect(run.of("report")).toMatchObject([{ path: "forwarded", reason: "first_media", setupMs: 600 }]);
  });

  it("changes to direct once that has brought a frame, not before", () => {
    const run = new Run().state("forwarded", "connected").flow("forwarded", true).pass(400).forget();
    run.state("direct", "connected").pass(1000);
    expect(run.of("send_on")).toMatchObject([{ path: "direct", on: true }]);
    expect(run.of("show")).toEqual([]);
    run.flow("direct", true).pass(200);
    expect(run.of("show")).toMatchObject([{ path: "direct" }]);
    expect(run.of("report")).toMatchObject([{ path: "direct", reason: "direct_ready", setupMs: null }]);
  });

  it("takes direct as the first if it wins", () => {
    const run = new Run().state("direct", "connected").flow("direct", true).pass(400);
    expect(run.of("report")).toMatchObject([{ path: "direct", reason: "first_media", setupMs: 200 }]);
  });

  it("lets sound count where there is no camera", () => {
    const run = new Run({ sources: ["microphone"] }).state("forwarded", "connected");
    run.flows.forwarded.audio = true;
    expect(run.pass(200).of("report")).toMatchObject([{ reason: "first_media" }]);
  });

  it("waits a moment for the picture where there is a camera, then lets sound count", () => {
    const run = new Run().state("forwarded", "connected");
    run.flows.forwarded.audio = true;
    expect(run.pass(1000).of("show")).toEqual([]);
    expect(run.pass(600).of("show")).toMatchObject([{ path: "forwarded" }]);
  });

  it("lets a connection count where there is no device at all", () => {
    const run = new Run({ sources: [] }).state("forwarded", "connected").state("direct", "connected").pass(2000);
    expect(run.of("show").at(-1)).toMatchObject({ path: "direct" });
  });

  it("stays on forwarded where one wants it always", () => {
    const run = new Run({ allowed: false }).state("forwarded", "connected").flow("forwarded", true).pass(20_000);
    expect(run.of("report")).toMatchObject([{ path: "forwarded", reason: "always_through_server", setupMs: 200 }]);
    expect(run.of("request")).toEqual([]);
  });
});

describe("losing the direct path", () => {
  it.each(["disconnected", "failed", "closed"] as const)("asks for forwarded when it is %s", (state) => {
    const run = direct().forget().state("direct", state).flow("direct", false).pass(200);
    expect(run.of("request")).toMatchObject([{ path: "forwarded", reason: "direct_lost" }]);
    expect(run.of("show")).toEqual([]);
    run.flow("forwarded", true).pass(200);
    expect(run.of("show")).toMatchObject([{ path: "forwarded" }]);
    expect(run.of("report")).toMatchObject([{ path: "forwarded", reason: "direct_lost" }]);
  });

  it("asks within about a second when nothing arrives on it any more", () => {
    const run = direct().forget();
    const cut = run.now;
    run.flow("direct", false).pass(1200);
    const [request] = run.of("request");
    expect(request).toMatchObject({ path: "forwarded", reason: "direct_stalled" });
    expect((request?.at ?? 0) - cut).toBeLessThanOrEqual(1000);
  });

  it("is patient with someone who has everything off", () => {
    const run = direct().forget().input({ kind: "other_sources", sources: [] }).flow("direct", false).pass(5000);
    expect(run.of("request")).toEqual([]);
  });

  it("does not take restarted counters for a stall", () => {
    const run = direct().forget();
    for (let i = 0; i < 10; i++) run.reset("direct").pass(400);
    expect(run.of("request")).toEqual([]);
  });

  it("stays when direct runs again before forwarded could show anything", () => {
    const run = direct().forget().flow("direct", false).pass(1000).flow("direct", true).pass(3000);
    expect(run.of("show")).toEqual([]);
    expect(run.of("report")).toMatchObject([{ path: "direct", reason: "direct_ready" }]);
  });

  it("sends on forwarded by itself when the only path it sends on is down", () => {
    const run = direct().input({ kind: "changed", path: "direct", reason: "direct_ready" }).pass(1000);
    expect(run.paths.isSendingOn("forwarded")).toBe(false);
    run.state("direct", "disconnected");
    expect(run.paths.isSendingOn("forwarded")).toBe(true);
  });
});

describe("leaving a bad direct path by measurement", () => {
  type Bad = { loss?: number; direct?: number; forwarded?: number; otherLeg?: number };
  const rows: [string, Bad, string | null][] = [
    ["a fifth of the packets is lost", { loss: 0.2 }, "loss"],
    ["one in twenty is lost", { loss: 0.05 }, null],
    ["answers take a second", { direct: 1000 }, "round_trip"],
    ["answers take 700 ms", { direct: 700 }, null],
    ["answers take a second on forwarded too", { direct: 1000, forwarded: 900 }, null],
    ["the two legs of forwarded take as long together", { direct: 1000, forwarded: 400 }, null],
    ["the other's leg is known to be short", { direct: 1000, forwarded: 400, otherLeg: 20 }, "round_trip"],
    ["the other's leg is known to be long", { direct: 1000, forwarded: 30, otherLeg: 900 }, null],
  ];
  it.each(rows)("%s", (_, bad, reason) => {
    const run = direct().forget();
    run.loss = bad.loss ?? 0;
    run.roundTripMs.direct = bad.direct ?? 20;
    run.roundTripMs.forwarded = bad.forwarded ?? 30;
    if (bad.otherLeg !== undefined) run.input({ kind: "other_leg", roundTripMs: bad.otherLeg });
    run.pass(2000);
    expect(run.of("request").map((one) => one.reason)).toEqual(reason === null ? [] : [reason]);
    run.flow("forwarded", true).pass(400);
    expect(run.of("report").map((one) => [one.path, one.reason])).toEqual(
      reason === null ? [] : [["forwarded", reason]],
    );
    if (reason !== null) expect(run.of("request")[0]?.at).toBeLessThanOrEqual(1000 + 1800 + 1200);
  });

  it("does not leave for a path that is not there", () => {
    const run = direct().state("forwarded", "disconnected").forget();
    run.loss = 0.5;
    expect(run.pass(5000).of("request")).toEqual([]);
  });

  it("comes back when direct was measured to be well, and not before", () => {
    const run = direct().forget();
    run.loss = 0.3;
    run.pass(2600).flow("forwarded", true).pass(400).flow("direct", false).forget();
    // Tried after the hold-off while it is still bad: forwarded stays.
    run.pass(5000).flow("direct", true).pass(6000);
    expect(run.of("request").map((one) => one.reason)).toEqual(["direct_recovered"]);
    expect(run.of("show")).toEqual([]);
    expect(run.of("report").at(-1)).toMatchObject({ path: "forwarded", reason: "loss" });
    run.forget().loss = 0;
    // The next hold-off is twice as long.
    run.flow("direct", false).pass(8000);
    expect(run.of("request")).toEqual([]);
    run.flow("direct", true).pass(5000);
    expect(run.of("report").at(-1)).toMatchObject({ path: "direct", reason: "direct_recovered" });
  });

  it("comes back when forwarded loses clearly more, and tolerates that for a while", () => {
    const run = direct().forget();
    run.loss = 0.2;
    run.forwardedLoss = 0.4;
    run.pass(1400).flow("forwarded", true).pass(400).flow("direct", false).pass(5000).flow("direct", true).pass(3000);
    expect(run.of("report").map((one) => [one.path, one.reason])).toEqual([
      ["forwarded", "loss"],
      ["direct", "loss"],
    ]);
    run.forget().flow("forwarded", false).pass(20_000);
    expect(run.of("request")).toEqual([]);
    run.loss = 0.7;
    expect(run.pass(2000).of("request").length).toBeGreaterThan(0);
  });

  it("lets the sound change before the picture", () => {
    const run = direct().forget().flow("direct", false).pass(1200);
    run.flows.forwarded = { video: false, audio: true };
    run.pass(400);
    expect(run.of("hear").map((one) => one.path)).toEqual(["forwarded"]);
    expect([run.paths.heardPath, run.paths.shownPath]).toEqual(["forwarded", "direct"]);
    run.flow("forwarded", true).pass(400);
    expect([run.paths.heardPath, run.paths.shownPath]).toEqual(["forwarded", "forwarded"]);
  });
});

describe("the other's page was loaded again", () => {
  it("tries the direct connection that follows at once, on both sides", () => {
    const run = direct().state("direct", "closed").flow("direct", false).flow("forwarded", true).pass(600);
    expect(run.paths.shownPath).toBe("forwarded");
    run.forget().input({ kind: "renewed" }).state("direct", "connected");
    expect(run.of("request")).toMatchObject([{ path: "direct", reason: "direct_ready" }]);
    run.reset("direct").flow("direct", true).pass(600);
    expect(run.paths.shownPath).toBe("direct");
  });
});

describe("the other's page was loaded again, and the loss of its connection is not known yet", () => {
  it("gives the one that follows its chance although forwarded was faster", () => {
    const run = direct().flow("direct", false).pass(1200);
    expect(run.of("request").at(-1)).toMatchObject({ path: "forwarded", reason: "direct_stalled" });
    run.input({ kind: "renewed" }).state("direct", "connecting").state("direct", "connected");
    run.flow("forwarded", true).pass(400);
    expect(run.paths.shownPath).toBe("forwarded");
    run.reset("direct").flow("direct", true).pass(400);
    expect(run.paths.shownPath).toBe("direct");
  });
});

describe("going back to direct", () => {
  const lost = () => direct().state("direct", "disconnected").flow("direct", false).flow("forwarded", true).pass(600);

  it("asks for it after five seconds of being connected, and shows it after a frame", () => {
    const run = lost().forget().state("direct", "connected").pass(4800);
    expect(run.of("request")).toEqual([]);
    run.pass(600);
    expect(run.of("request")).toMatchObject([{ path: "direct" }]);
    run.flow("direct", true).pass(200);
    expect(run.of("show")).toMatchObject([{ path: "direct" }]);
  });

  it("waits twice as long after each further failure", () => {
    const run = lost().state("direct", "connected").pass(5400).flow("direct", true).pass(400);
    run.state("direct", "disconnected").flow("direct", false).pass(600).forget().state("direct", "connected");
    run.pass(9600);
    expect(run.of("request")).toEqual([]);
    run.pass(1000);
    expect(run.of("request")).toMatchObject([{ path: "direct" }]);
  });

  it("gives up a trial that brings nothing, and tells the other to stop", () => {
    const run = lost().state("direct", "connected").pass(5400).forget().pass(5400);
    expect(run.of("report")).toMatchObject([{ path: "forwarded", reason: "direct_stalled" }]);
  });
});

describe("what the other says", () => {
  const ready = { kind: "changed", path: "direct", reason: "direct_ready" } as const;

  it("silences forwarded half a second after the other has gone to direct", () => {
    const run = direct().forget().input(ready).pass(400);
    expect(run.of("send_on")).toEqual([]);
    run.pass(200);
    expect(run.of("send_on")).toMatchObject([{ path: "forwarded", on: false }]);
  });

  it("does not silence direct because the first media came on forwarded", () => {
    const run = direct().input({ kind: "changed", path: "forwarded", reason: "first_media" }).pass(2000);
    expect(run.paths.isSendingOn("direct")).toBe(true);
  });

  it("silences direct when the other has left it", () => {
    const run = direct().input({ kind: "changed", path: "forwarded", reason: "direct_stalled" }).pass(800);
    expect(run.paths.isSendingOn("direct")).toBe(false);
  });

  it("sends at once on a path that is asked for, also within the half second", () => {
    const run = direct().input(ready).pass(200).input({ kind: "requested", path: "forwarded" }).pass(2000);
    expect(run.paths.isSendingOn("forwarded")).toBe(true);
  });
});

describe("repairs", () => {
  const steps = (polite: boolean) =>
    direct({ polite }).forget().state("direct", "failed").flow("forwarded", true).pass(20_000).of("repair_direct");

  it("of a path that stalls or whose network changes are made at once by the impolite side, and asked for by the polite", () => {
    for (const [polite, step] of [
      [false, "restart_ice"],
      [true, "ask_restart"],
    ] as const) {
      const stalled = direct({ polite }).forget().flow("direct", false).flow("forwarded", true).pass(1800);
      expect(stalled.of("repair_direct").map((one) => one.step)).toEqual([step]);
      const changed = direct({ polite }).forget().input({ kind: "network_changed" }).pass(600);
      expect(changed.of("repair_direct").map((one) => one.step)).toEqual([step]);
    }
  });

  it("that are asked for are made at once, but not twice for one change", () => {
    const run = direct({ polite: false }).forget().input({ kind: "restart_asked" }).pass(200);
    run.input({ kind: "restart_asked" }).pass(600).input({ kind: "restart_asked" }).pass(3000);
    expect(run.of("repair_direct").map((one) => one.step)).toEqual(["restart_ice"]);
    run.input({ kind: "restart_asked" }).pass(200);
    expect(run.of("repair_direct")).toHaveLength(2);
  });

  it("are made by the impolite side only, one at a time, with growing waits", () => {
    expect(steps(true)).toEqual([]);
    expect(steps(false).map((one) => one.step)).toEqual(["restart_ice", "restart_ice", "rebuild"]);
  });

  it("make a closed connection anew, but not at once", () => {
    const run = direct({ polite: false }).forget();
    const closed = run.now;
    const [first] = run.state("direct", "closed").flow("forwarded", true).pass(8000).of("repair_direct");
    expect(first?.step).toBe("rebuild");
    expect((first?.at ?? 0) - closed).toBeGreaterThanOrEqual(5000);
  });
});

describe("forwarded", () => {
  const forwarded = () => {
    const run = new Run({ allowed: false }).input({ kind: "forwarded_answered", offersTcp: true });
    return run.state("forwarded", "connected").flow("forwarded", true).pass(2000).forget();
  };

  it("is restarted when nothing at all arrives, not when only the other falls silent", () => {
    const silent = forwarded().flow("forwarded", false).pass(5000);
    expect(silent.of("repair_forwarded")).toEqual([]);
    const run = forwarded();
    run.reports = false;
    const [first] = run.flow("forwarded", false).pass(1200).of("repair_forwarded");
    expect(first?.step).toEqual({ kind: "restart_ice" });
    expect((first?.at ?? 0) - 3000).toBeLessThanOrEqual(1000);
  });

  it("is restarted when direct is gone and forwarded, asked for, brings nothing", () => {
    const run = direct({ polite: true }).forget().state("direct", "disconnected").flow("direct", false);
    run.reports = false;
    expect(run.pass(1400).of("repair_forwarded")).toHaveLength(1);
  });

  it("is left alone when it is not in use and well", () => {
    const run = direct().forget();
    run.reports = false;
    expect(run.pass(10_000).of("repair_forwarded")).toEqual([]);
  });

  it("is reported again when only its protocol changes", () => {
    const run = forwarded();
    run.forwardedLoss = 0.15;
    const [first] = run.pass(10_000).of("repair_forwarded");
    expect(first?.step).toEqual({ kind: "renew", candidates: "tcp" });
    run.forwardedLoss = 0;
    run.protocol = "tcp";
    run.input({ kind: "forwarded_made", candidates: "tcp" });
    run.input({ kind: "forwarded_answered", offersTcp: true }).pass(6000);
    expect(run.of("report").map((one) => [one.path, one.reason])).toEqual([["forwarded", "udp_loss"]]);
    expect(run.of("repair_forwarded")).toHaveLength(1);
    run.protocol = "udp";
    expect(run.pass(200).of("report").at(-1)).toMatchObject({ path: "forwarded", reason: "udp_recovered" });
    run.protocol = "tls";
    expect(run.pass(200).of("report").at(-1)).toMatchObject({ path: "forwarded", reason: "udp_loss" });
  });

  it("keeps what the other sends directly when only the other's protocol changes", () => {
    const run = direct().input({ kind: "changed", path: "forwarded", reason: "udp_dead" }).pass(2000);
    expect(run.paths.isSendingOn("direct")).toBe(true);
  });
});

describe("without the server", () => {
  it("sends no commands and ends when direct is gone for good", () => {
    const run = direct()
      .forget()
      .input({ kind: "server_gone", patienceMs: 15_000 })
      .state("direct", "closed")
      .pass(400);
    expect(run.of("request")).toEqual([]);
    expect(run.of("lost")[0]).toMatchObject({ closed: true });
  });

  it("waits for silent media as long as it is told", () => {
    const run = direct().forget().input({ kind: "server_gone", patienceMs: 2000 }).pass(5000);
    expect(run.of("lost")).toEqual([]);
    const silent = run.now;
    run.flow("direct", false).pass(6000);
    expect((run.of("lost")[0]?.at ?? 0) - silent).toBeLessThanOrEqual(4000);
  });
});
