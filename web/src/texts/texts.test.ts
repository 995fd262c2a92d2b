import { describe, expect, it } from "vitest";
import protocol from "../protocol.ts?raw";
import { text } from ".";
import { en } from "./en";

/** The members of a union of string literals in the generated file. */
function members(name: string): string[] {
  const union = new RegExp(`export type ${name} = ([^;]+);`).exec(protocol)?.[1] ?? "";
  return [...union.matchAll(/"([a-z_]+)"/g)].map((match) => match[1] ?? "");
}

describe("texts", () => {
  it("has words for every code of the wire", () => {
    expect(members("ErrorCode").length).toBeGreaterThan(0);
    for (const code of members("ErrorCode")) expect(en, code).toHaveProperty(code);
    for (const reason of members("EndReason")) expect(en, reason).toHaveProperty(`ended_${reason}`);
  });

  it("fills in what it is given", () => {
    expect(text("calling", { name: "Berta" })).toBe("Calling Berta…");
  });
});
