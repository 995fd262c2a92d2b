import { describe, expect, it } from "vitest";
import { tokenIn, withoutToken } from "./token";

describe("the token in the fragment", () => {
  it.each<[string, string | null, string]>([
    ["#token=a.b-c_d.e", "a.b-c_d.e", ""],
    ["#x=1&token=a.b.c&y=2", "a.b.c", "#x=1&y=2"],
    ["#token=", null, ""],
    ["#tokens=a", null, "#tokens=a"],
    ["", null, ""],
  ])("%s", (hash, token, rest) => {
    expect(tokenIn(hash)).toBe(token);
    expect(withoutToken(hash)).toBe(rest);
  });
});
