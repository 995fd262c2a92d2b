import { describe, expect, it } from "vitest";
import type { Path, Source } from "../protocol";
import { ForwardedCare } from "./forwarded-care";
import type { PathsOutput } from "./paths";
import { RoomPath, type RoomPathInput } from "./room-path";

const BOTH: Source[] = ["microphone", "camera"];

/** Samples every 200 ms of what comes over the server. */
class Run {
  now = 1000;
  flows = false;
  /** Whether the server says anything at all. */
  reports = true;
  readonly out: PathsOutput[] = [];
  private readonly core: RoomPath;
  private counters = { framesDecoded: 0, videoPackets: 0, audioPackets: 0, transportPackets: 0 };

  constructor({ others = 2, sources = BOTH, shown = null as Path | null, before = false } = {}) {
    const was = before || shown !== null ? { state: "connected" as const, shown } : null;
    this.core = new RoomPath(others, sources, this.now, this.now, new ForwardedCare(), was);
  }

  input(input: RoomPathInput): this {
    this.out.push(...this.core.handle(input, this.now));
    return this;
  }

  connected(): this {
    return this.input({ kind: "connection", path: "forwarded", state: "connected" });
  }

  pass(ms: number): this {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += 200;
      const { framesDecoded, videoPackets, audioPackets, transportPackets } = this.counters;
      this.counters = {
        framesDecoded: framesDecoded + (this.flows ? 6 : 0),
        videoPackets: videoPackets + (this.flows ? 20 : 0),
        audioPackets: audioPackets + (this.flows ? 10 : 0),
        transportPackets: transportPackets + (this.reports ? 1 : 0),
      };
      this.input({ kind: "sample", direct: null, forwarded: this.counters, reachable: true });
    }
    return this;
  }

  flow(): this {
    this.flows = true;
    return this;
  }

  reasons(): string[] {
    return this.out.flatMap((one) => (one.kind === "report" ? [one.reason] : []));
  }
}

describe("the path where there is only one", () => {
  it("is shown with the first media, and says why there is no other", () => {
    const group = new Run().connected().flow().pass(1000);
    expect(group.out).toEqual([
      { kind: "show", path: "forwarded", reason: "group" },
      { kind: "report", path: "forwarded", reason: "group", setupMs: 200 },
    ]);
    expect(new Run({ others: 1 }).connected().flow().pass(1000).reasons()).toEqual(["always_through_server"]);
  });

  it("is not spoken of while nobody else is there", () => {
    const run = new Run({ others: 0, sources: [] }).connected().pass(5000);
    expect(run.out).toEqual([]);
    run.input({ kind: "others", count: 2 }).flow().pass(200);
    expect(run.reasons()).toEqual(["group"]);
  });

  it("is taken where the others send nothing at all", () => {
    expect(new Run({ sources: [] }).connected().pass(3000).reasons()).toEqual(["group"]);
  });

  it("is sent on, and direct beside it for who has not changed over yet", () => {
    const core = new RoomPath(2, BOTH, 0, 0);
    expect([core.isSendingOn("forwarded"), core.isSendingOn("direct")]).toEqual([true, true]);
  });
});

describe("a third who comes to two", () => {
  it("makes them say that they see each other over the server, when all is taken over", () => {
    const run = new Run({ shown: "direct" }).flow().pass(3000);
    expect(run.out).toEqual([]);
    run.input({ kind: "taken_over" });
    expect(run.out).toEqual([
      { kind: "show", path: "forwarded", reason: "group" },
      { kind: "report", path: "forwarded", reason: "group", setupMs: null },
    ]);
    expect(run.input({ kind: "taken_over" }).pass(1000).reasons()).toHaveLength(1);
  });

  it("makes them say so at once where they did already, for another reason", () => {
    expect(new Run({ shown: "forwarded" }).flow().pass(5000).reasons()).toEqual(["group"]);
  });
});

describe("two who are left of more", () => {
  it("keep their reason until they are connected directly, or clearly will not be", () => {
    const run = new Run().connected().flow().pass(1000).input({ kind: "others", count: 1 }).pass(14_000);
    expect(run.reasons()).toEqual(["group"]);
    expect(run.pass(3000).reasons()).toEqual(["group", "always_through_server"]);
  });
});

describe("a connection to the server that brings nothing", () => {
  it("gets new addresses, if the server says that it sends something", () => {
    const repairs = (run: Run) => run.out.filter((one) => one.kind === "repair_forwarded");
    const run = new Run().connected().flow().pass(2000);
    run.flows = false;
    run.reports = false;
    expect(repairs(run.pass(2000))[0]).toMatchObject({ step: { kind: "restart_ice" } });
    const quiet = new Run().connected().flow().pass(2000).input({ kind: "other_sources", sources: [] });
    quiet.flows = false;
    quiet.reports = false;
    expect(repairs(quiet.pass(2000))).toEqual([]);
  });
});
