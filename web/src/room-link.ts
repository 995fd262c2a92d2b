/** Links into rooms as people open, paste and share them. */

/** The link that lets into a room. It never carries the query of this page: that names a slot in this browser only. */
export function roomLink(origin: string, linkId: string): string {
  return `${origin}/r/${linkId}`;
}

/** The link id in a path or a whole link; null where there is none. */
export function linkIdIn(text: string): string | null {
  return /\/r\/([A-Za-z0-9_-]{1,64})\/?(?:[?#]|$)/.exec(text)?.[1] ?? null;
}
