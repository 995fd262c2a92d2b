import { beforeEach, describe, expect, it, vi } from "vitest";
import { Pairer, pairLink, parseCode, shown, taken } from "./pairing";
import type { Command, Credentials, Event } from "./sdk/protocol";

const error = (code: string) => ({ type: "error", code, message: "" }) as Event;
const begun: Event = { type: "pairing_begun", code: "k7mq2-xwd9h", expires_in_s: 300 };

describe("a pairing", () => {
  let sent: Command[];
  let became: Credentials[];
  let pairer: Pairer;

  beforeEach(() => {
    vi.useFakeTimers();
    [sent, became, shown.value, taken.value] = [[], [], null, null];
    pairer = new Pairer({
      send: (command) => sent.push(command),
      become: (credentials) => became.push(credentials),
      now: () => 1000,
    });
  });

  it.each<[string, string | null]>([
    ["k7mq2-xwd9h", "k7mq2xwd9h"],
    [" K7MQ2 XWD9H ", "k7mq2xwd9h"],
    ["https://a.example/#pair=k7mq2xwd9h", "k7mq2xwd9h"],
    ["oi7mq-2xwd9", "017mq2xwd9"],
    ["k7mq-2xwd-9hpt", null],
    ["k7mq2-xwd9u", null],
    ["", null],
  ])("reads the code in %j: %j", (text, code) => expect(parseCode(text)).toBe(code));

  it("has its code in the fragment of a link", () => {
    expect(pairLink("https://a.example", "k7mq2-xwd9h")).toBe("https://a.example/#pair=k7mq2xwd9h");
  });

  it("shows a code until it is used", () => {
    pairer.show();
    expect(pairer.handle(begun, "pair")).toBe(true);
    expect(shown.value).toEqual({ kind: "code", code: "k7mq2-xwd9h", until: 301_000 });
    pairer.handle({ type: "pairing_over", used_by: "Firefox, Linux" }, null);
    expect(shown.value).toEqual({ kind: "used", device: "Firefox, Linux" });
    pairer.hide();
    expect(sent).toEqual([{ type: "pair" }]);
  });

  it("is over by itself, by the server's word, or with its session", () => {
    const ends = [
      () => vi.advanceTimersByTime(300_000),
      () => pairer.handle({ type: "pairing_over" }, null),
      () => pairer.handle({ type: "welcome", resumed: false } as Event, "hello"),
    ];
    for (const end of ends) {
      pairer.show();
      pairer.handle(begun, "pair");
      end();
      expect(shown.value).toEqual({ kind: "over" });
    }
    expect(pairer.handle({ type: "welcome", resumed: true } as Event, "hello")).toBe(false);
  });

  it("is called off when it is hidden", () => {
    pairer.show();
    pairer.handle(begun, "pair");
    pairer.hide();
    expect([sent.at(-1), shown.value]).toEqual([{ type: "cancel_pairing" }, null]);
    expect(pairer.handle(error("rate_limited"), "pair")).toBe(true);
    expect(shown.value).toEqual({ kind: "failed", problem: "rate_limited" });
  });

  it("tells whom a code brings before it is used, and what went wrong", () => {
    const user = { user_id: "k7mq-2xwd-9hpt", name: "Ada" };
    pairer.look("k7mq2xwd9h");
    pairer.handle(error("no_such_code"), "look_at_pairing");
    expect(taken.value).toEqual({ kind: "typing", problem: "no_such_code" });
    pairer.take();
    pairer.look("k7mq2xwd9h");
    pairer.handle({ type: "pairing_seen", user }, "look_at_pairing");
    expect(taken.value).toEqual({ kind: "seen", code: "k7mq2xwd9h", user });
    pairer.take();
    expect(sent.map(({ type }) => type)).toEqual(["look_at_pairing", "look_at_pairing", "use_pairing"]);
    pairer.handle({ type: "paired", user_id: user.user_id, secret: "s" }, "use_pairing");
    expect(became).toEqual([{ user_id: user.user_id, secret: "s" }]);
    expect(pairer.handle(error("bad_command"), "call")).toBe(false);
  });
});
