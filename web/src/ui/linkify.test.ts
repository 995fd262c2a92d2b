import { describe, expect, it } from "vitest";
import { linkify } from "./linkify";

/** Links in brackets. */
const shown = (text: string) =>
  linkify(text)
    .map((part) => (part.kind === "link" ? `[${part.text}]` : part.text))
    .join("");

describe("links in a text", () => {
  it.each<[string, string]>([
    ["no link", "no link"],
    ["", ""],
    ["https://example.org", "[https://example.org]"],
    ["see http://example.org/a?b=1&c=<x>", "see [http://example.org/a?b=1&c=]<x>"],
    ["(https://example.org/a_(b)).", "([https://example.org/a_(b)])."],
    ["https://example.org, and https://example.com!", "[https://example.org], and [https://example.com]!"],
    ["HTTPS://EXAMPLE.ORG", "[HTTPS://EXAMPLE.ORG]"],
    ["https://bücher.example/ü", "[https://bücher.example/ü]"],
    ["javascript:alert(1)", "javascript:alert(1)"],
    ["data:text/html,<script>", "data:text/html,<script>"],
    ["jahttps://example.org", "jahttps://example.org"],
    ["https://bank.example@evil.example/", "https://bank.example@evil.example/"],
    ["https://", "https://"],
    ["ftp://example.org vbscript:x", "ftp://example.org vbscript:x"],
    ['"https://example.org"onmouseover="x', '"[https://example.org]"onmouseover="x'],
  ])("%s", (text, words) => expect(shown(text)).toBe(words));

  it("leads only to the web", () => {
    for (const part of linkify("https://a.example/\u202e http://b.example:81/x#y https://c.example\\@d.example")) {
      if (part.kind === "link") expect(new URL(part.href).protocol).toMatch(/^https?:$/);
    }
  });

  it("loses nothing", () => {
    const text = "a https://b.example/(c). d\nhttps://e.example… f";
    expect(
      linkify(text)
        .map((part) => part.text)
        .join(""),
    ).toBe(text);
  });
});
