import { describe, expect, it } from "vitest";
import { callLink, parseUserId, userIdInPath } from "./user-id";

describe("a user id as people give it", () => {
  it.each([
    ["k7mq-2xwd-9hpt", "k7mq-2xwd-9hpt"],
    [" K7MQ 2XWD 9HPT ", "k7mq-2xwd-9hpt"],
    ["k7mq2xwd9hpt", "k7mq-2xwd-9hpt"],
    ["olio-0000-0000", "0110-0000-0000"],
    ["https://calls.example/call/k7mq-2xwd-9hpt?user=a", "k7mq-2xwd-9hpt"],
    ["", null],
    ["k7mq-2xwd-9hp", null],
    ["k7mq-2xwd-9hptt", null],
    ["uuuu-uuuu-uuuu", null],
    ["https://calls.example/", null],
  ])("%s -> %s", (typed, id) => {
    expect(parseUserId(typed)).toBe(id);
  });

  it("survives its own link", () => {
    const link = callLink("https://calls.example", "k7mq-2xwd-9hpt");
    expect(userIdInPath(new URL(link).pathname)).toBe("k7mq-2xwd-9hpt");
    expect(userIdInPath("/")).toBeNull();
  });
});
