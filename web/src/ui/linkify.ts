/** Finds links in a text that somebody wrote. Pure: the view makes elements of the parts, never markup. */

export type TextPart = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

/** Only what says by itself that it is a web address. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`\p{Cc}]+/giu;
/** What ends a sentence and not an address. */
const AFTER = /[.,;:!?…*_~]+$/u;
const BRACKETS: [open: string, close: string][] = [
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
];

export function linkify(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let done = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimmed(match[0]);
    const href = hrefOf(address);
    if (href === null) continue;
    if (match.index > done) parts.push({ kind: "text", text: text.slice(done, match.index) });
    parts.push({ kind: "link", text: address, href });
    done = match.index + address.length;
  }
  if (done < text.length) parts.push({ kind: "text", text: text.slice(done) });
  return parts;
}

/** Without the full stop after it, and without the bracket around it. */
function trimmed(address: string): string {
  let rest = address;
  for (;;) {
    const before = rest;
    rest = rest.replace(AFTER, "");
    for (const [open, close] of BRACKETS) {
      if (rest.endsWith(close) && rest.split(close).length > rest.split(open).length) rest = rest.slice(0, -1);
    }
    if (rest === before) return rest;
  }
}

/** null: it is no address that may be followed. One with a user name in it shows another host than it leads to. */
function hrefOf(address: string): string | null {
  try {
    const url = new URL(address);
    const isWeb = url.protocol === "http:" || url.protocol === "https:";
    return isWeb && url.username === "" && url.password === "" && url.hostname !== "" ? url.href : null;
  } catch {
    return null;
  }
}
