/** Why a websocket was refused: browsers do not tell a page. */

import { TandemError } from "./errors";

/** How long the server may take to answer. */
const WITHIN_MS = 5000;

/** Asks the server whether it refuses pages of this origin; null: it does not, or cannot be asked. */
export async function refusedOrigin(server: string): Promise<TandemError | null> {
  if (server === location.origin) return null;
  try {
    const answer = await fetch(`${server}/ws`, {
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(WITHIN_MS),
    });
    if (answer.status !== 403) return null;
    return new TandemError(
      "origin_not_allowed",
      `${server} refuses pages of ${location.origin}. ${(await answer.text()).trim()}`,
    );
  } catch {
    // Only the refusal may be read by pages of other origins.
    return null;
  }
}
