/** User ids as people type, paste and share them. The rules are those of src/id.rs: either case, o for 0, i and l for 1. */

const DIGITS = "0123456789abcdefghjkmnpqrstvwxyz";
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
