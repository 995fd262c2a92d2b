/** What a click on a notification leads to: public/sw.js gives it as a path, to a new page as its address, to an open one in a message. */

import { signal } from "@preact/signals";
import type { Input, Phase } from "./sdk/core/state";
import { linkIdInPath, parseUserId } from "./sdk/user-id";

/** `calls`: the list of them. `chat`: what was written in the last call with this user. */
export type Wish = { kind: "calls" } | { kind: "chat"; userId: string } | { kind: "room"; linkId: string };

/** For the list of calls, which shows it as soon as it is there. */
export const wished = signal<Exclude<Wish, { kind: "room" }> | null>(null);

/** null: it leads nowhere. */
export function wishOf(path: string): Wish | null {
  const { pathname, hash } = new URL(path, "https://tandem.invalid");
  const linkId = linkIdInPath(pathname);
  if (linkId !== null) return { kind: "room", linkId };
  if (hash === "#calls") return { kind: "calls" };
  const userId = hash.startsWith("#chat=") ? parseUserId(hash.slice("#chat=".length)) : null;
  return userId === null ? null : { kind: "chat", userId };
}

/** Takes what the page's own address asks for out of it. A link is left: a page that is loaded again comes back to it. */
export function takeWish(): void {
  const wish = wishOf(location.hash === "" ? "/" : `/${location.hash}`);
  if (wish === null || wish.kind === "room") return;
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  wished.value = wish;
}

/** Shows what was clicked on, unless the user is in the middle of something. */
export function listenForClicks(phase: () => Phase, send: (input: Input) => void): void {
  // Absent without https.
  navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
    const path = clickedPath(data);
    const wish = path === null ? null : wishOf(path);
    const { kind } = phase();
    if (wish === null || (kind !== "home" && kind !== "ended")) return;
    if (wish.kind === "room") {
      send({ kind: "open_link", linkId: wish.linkId });
      return;
    }
    send({ kind: "home" });
    wished.value = wish;
  });
}

function clickedPath(data: unknown): string | null {
  if (typeof data !== "object" || data === null || !("type" in data) || !("path" in data)) return null;
  return data.type === "notification_clicked" && typeof data.path === "string" ? data.path : null;
}
