/** The token by which the operator's own application signs somebody in: how it comes to this page. */

/** The token in the fragment of an address, `#token=…`; null: there is none. */
export function tokenIn(hash: string): string | null {
  const token = new URLSearchParams(hash.replace(/^#/, "")).get("token");
  return token === null || token === "" ? null : token;
}

/** What is left of a fragment without its token. */
export function withoutToken(hash: string): string {
  const rest = new URLSearchParams(hash.replace(/^#/, ""));
  rest.delete("token");
  const text = rest.toString();
  return text === "" ? "" : `#${text}`;
}

/** Takes the token out of the page's own address, at once: from there on it is in no history, and in nothing that is copied. */
export function takeToken(): string | null {
  const token = tokenIn(location.hash);
  if (token === null) return null;
  history.replaceState(history.state, "", `${location.pathname}${location.search}${withoutToken(location.hash)}`);
  return token;
}
