/** Full jitter: anything from 0 to a bound that doubles, so that a thousand pages do not come back to a server all at once. */
export function backoffMs(failures: number, random: number, firstMaxMs = 500, maxMs = 10_000): number {
  return Math.floor(random * Math.min(maxMs, firstMaxMs * 2 ** Math.min(failures, 20)));
}
