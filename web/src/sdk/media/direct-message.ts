/** What the two pages say to each other on the data channel of `direct`. */

import type { DirectMessage } from "../core/state";
import type { Source } from "../protocol";
import { SOURCES } from "./tracks";

/** How long the other's way to the server and back takes. */
export interface Leg {
  type: "leg";
  round_trip_ms: number;
}

/** null: the other page is of another version, or hostile. */
export function readMessage(text: string): DirectMessage | Leg | null {
  try {
    const { type, sources, round_trip_ms } = JSON.parse(text) as Record<string, unknown>;
    if (type === "hang_up") return { type };
    if (type === "leg" && typeof round_trip_ms === "number" && round_trip_ms >= 0) return { type, round_trip_ms };
    if (type !== "sources" || !Array.isArray(sources)) return null;
    const known: readonly unknown[] = SOURCES;
    return { type, sources: sources.filter((one): one is Source => known.includes(one)) };
  } catch {
    return null;
  }
}
