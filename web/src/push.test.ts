import { describe, expect, it } from "vitest";
import worker from "../public/sw.js?raw";
import { fromBase64Url, handlePush, push } from "./push";
import source from "./push?raw";

describe("push", () => {
  it("reads keys in base 64 for URLs", () => {
    expect([...fromBase64Url("-_8A")]).toEqual([251, 255, 0]);
  });

  it("is on when the server has it, and takes only what is its own", () => {
    expect(handlePush({ type: "push_subscribed" }, "subscribe_push")).toBe(true);
    expect(push.value).toBe("on");
    const error = { type: "error", code: "not_saved", message: "" } as const;
    expect(handlePush(error, "say")).toBe(false);
    expect(push.value).toBe("on");
    expect(handlePush(error, "subscribe_push")).toBe(true);
    expect(push.value).toBe("failed");
  });

  it("keeps its words where the service worker looks for them", () => {
    for (const name of ["CACHE", "WORDS"]) {
      const value = (text: string) => new RegExp(`^const ${name} = "(.+)";$`, "m").exec(text)?.[1];
      expect(value(source)).toBeTruthy();
      expect(value(worker)).toBe(value(source));
    }
  });
});
