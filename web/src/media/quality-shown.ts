/** How good the call is, for the views. */

import { signal } from "@preact/signals";
import type { Verdict } from "../sdk/media/quality";

/** null: no call, or too early to say. */
export const quality = signal<Verdict | null>(null);
