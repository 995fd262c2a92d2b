import { describe, expect, it } from "vitest";
import { DirectWatch, type Reach } from "./direct-facts";

const line = (address: string, type: string, protocol = "udp") =>
  `candidate:1 1 ${protocol} 2122 ${address} 5000 typ ${type}`;
const candidate = (text: string | null, generation = 1) => ({
  kind: "candidate" as const,
  generation,
  candidate: text === null ? null : { candidate: text },
});

describe("how far addresses reach", () => {
  it.each<[string, (string | null)[], Reach]>([
    ["nothing yet", [], "unknown"],
    ["gathering goes on", [line("192.168.1.4", "host")], "unknown"],
    ["a hidden address and what STUN says", [line("a.local", "host"), line("203.0.113.7", "srflx")], "outside"],
    ["a public address of its own", [line("203.0.113.7", "host"), null], "outside"],
    ["all gathered, and only inside", [line("192.168.1.4", "host"), line("100.70.0.1", "host"), null], "inside"],
    ["all gathered, as Firefox says it", [line("a.local", "host"), ""], "inside"],
    ["TCP does not count", [line("203.0.113.7", "host", "tcp"), line("10.0.0.2", "host"), null], "inside"],
    ["IPv6 of its own may be closed to the outside", [line("2001:db8::1", "host"), null], "inside"],
    ["an end without a beginning only asks for an offer", [null], "unknown"],
  ])("%s", (_, lines, reach) => {
    const watch = new DirectWatch(true);
    for (const one of lines) watch.signal("there", candidate(one));
    expect(watch.facts(0).there).toBe(reach);
    expect(watch.facts(0).here).toBe("unknown");
  });

  it("starts anew with another connection, and says nothing without STUN", () => {
    const [watch, without] = [new DirectWatch(true), new DirectWatch(false)];
    for (const one of [watch, without]) {
      one.signal("here", candidate(line("10.0.0.2", "host")));
      one.signal("here", candidate(null));
    }
    expect([watch.facts(0).here, without.facts(0).here]).toEqual(["inside", "unknown"]);
    watch.signal("here", candidate(line("10.0.0.2", "host"), 2));
    watch.signal("here", candidate(line("203.0.113.7", "srflx"), 1));
    expect(watch.facts(0).here).toBe("unknown");
  });
});

it("tells what became of the connection", () => {
  const watch = new DirectWatch(true);
  expect(watch.facts(0).outcome).toBe("off");
  watch.begin(1000);
  watch.state("connecting");
  expect(watch.facts(2000).outcome).toBe("trying");
  expect(watch.facts(20_000).outcome).toBe("never");
  watch.state("connected");
  expect(watch.facts(20_000).outcome).toBe("connected");
  watch.state("disconnected");
  expect(watch.facts(20_000).outcome).toBe("broken");
});

it("does not wait where the browser has given up", () => {
  const watch = new DirectWatch(true);
  watch.begin(1000);
  watch.state("failed");
  watch.state("connecting");
  expect(watch.facts(1500).outcome).toBe("never");
});
