import { describe, expect, it } from "vitest";
import protocol from "../sdk/protocol.ts?raw";
import { changeSettings } from "../settings";
import { languageOf, text } from ".";
import { de } from "./de";
import { en, type Texts } from "./en";
import { fr } from "./fr";

/** The members of a union of string literals in the generated file. */
function members(name: string): string[] {
  const union = new RegExp(`export type ${name} = ([^;]+);`).exec(protocol)?.[1] ?? "";
  return [...union.matchAll(/"([a-z_]+)"/g)].map((match) => match[1] ?? "");
}

describe("texts", () => {
  it("has words for every code of the wire", () => {
    expect(members("ErrorCode").length).toBeGreaterThan(0);
    for (const code of members("ErrorCode")) expect(en, code).toHaveProperty(code);
    for (const reason of members("PathReason")) expect(en, reason).toHaveProperty(`reason_${reason}`);
    for (const what of members("Happening")) expect(en, what).toHaveProperty(`happening_${what}`);
    for (const reason of members("EndReason")) expect(en, reason).toHaveProperty(`ended_${reason}`);
  });

  it("fills in what it is given", () => {
    expect(text("calling", { name: "Berta" })).toBe("Calling Berta…");
  });

  it.each<[string, Texts]>([
    ["de", de],
    ["fr", fr],
  ])("%s has the keys of English, and the same placeholders in each", (_, texts) => {
    const placeholders = (words: string) => (words.match(/\{\w+\}/g) ?? []).sort();
    expect(Object.keys(texts)).toEqual(Object.keys(en));
    for (const key of Object.keys(en) as (keyof Texts)[]) {
      expect(texts[key], key).not.toBe("");
      expect(placeholders(texts[key]), key).toEqual(placeholders(en[key]));
    }
  });

  it.each<[string[], string]>([
    [["de-CH", "fr"], "de"],
    [["ja", "FR-ca", "en"], "fr"],
    [["ja"], "en"],
    [[], "en"],
  ])("%j is served in %s", (wanted, language) => expect(languageOf(wanted)).toBe(language));

  it("follows the choice", () => {
    changeSettings({ language: "de" });
    expect(text("hang_up")).toBe("Auflegen");
    changeSettings({ language: null });
  });
});
