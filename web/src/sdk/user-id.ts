/** User ids as people type, paste and share them. The rules are those of src/id.rs: either case, o for 0, i and l for 1. */

/** Of all ids, five bits each. */
export const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH = 12;

/** The grouped id in `text`, which may be an id in any grouping or a whole call link; else null. */
export function parseUserId(text: string): string | null {
  const inLink = /\/call\/([^/?#]+)/.exec(text);
  const typed = inLink?.[1] ?? text;
  const digits = typed.toLowerCase().replace(/[\s-]/g, "").replace(/o/g, "0").replace(/[il]/g, "1");
  if (digits.length !== LENGTH || [...digits].some((digit) => !DIGITS.includes(digit))) return null;
  return `${digits.slice(0, 4)}-${digits.slice(4, 8)}-${digits.slice(8, 12)}`;
}

/** The link that calls this user. It never carries the query of this page: that names a slot in this browser only. */
export function callLink(origin: string, userId: string): string {
  return `${origin}/call/${userId}`;
}

/** The user whom the page's own address asks to call. */
export function userIdInPath(pathname: string): string | null {
  return pathname.startsWith("/call/") ? parseUserId(pathname) : null;
}

const LINK_LENGTH = 13;

/** The id of a room's link in `text`, which may be the id or the whole link; else null. */
export function parseLinkId(text: string): string | null {
  const inLink = /\/r\/([^/?#]+)/.exec(text);
  const digits = (inLink?.[1] ?? text).trim().toLowerCase().replace(/o/g, "0").replace(/[il]/g, "1");
  return digits.length === LINK_LENGTH && [...digits].every((digit) => DIGITS.includes(digit)) ? digits : null;
}

/** Where the page of a room's link is. */
export function roomPath(linkId: string): string {
  return `/r/${linkId}`;
}

/** The link that lets into a room. */
export function roomLink(origin: string, linkId: string): string {
  return `${origin}${roomPath(linkId)}`;
}

/** The link by which the page's own address asks to enter a room. */
export function linkIdInPath(pathname: string): string | null {
  return pathname.startsWith("/r/") ? parseLinkId(pathname) : null;
}
