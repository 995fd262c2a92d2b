/** In which browsers this user is signed in, and signing the others out. */

import { signal } from "@preact/signals";
import type { Browser, Command, ErrorCode, Event } from "./sdk/protocol";

/** `leaving`: those that are about to be signed out. */
export interface SignedIn {
  /** null: the server was not heard yet. */
  list: Browser[] | null;
  leaving: ReadonlySet<string>;
  problem: ErrorCode | null;
}

const NOTHING: SignedIn = { list: null, leaving: new Set(), problem: null };

export const signedIn = signal<SignedIn>(NOTHING);

export class Browsers {
  constructor(private readonly send: (command: Command) => void) {}

  ask(): void {
    signedIn.value = NOTHING;
    this.send({ type: "browsers" });
  }

  /** Signs one out, or, with none named, all but this one. */
  signOut(browserId: string | null): void {
    const { list } = signedIn.value;
    const others = (list ?? []).filter((one) => !one.is_this).map((one) => one.browser_id);
    const leaving = new Set(browserId === null ? others : [browserId]);
    signedIn.value = { list, leaving: union(signedIn.value.leaving, leaving), problem: null };
    this.send(browserId === null ? { type: "sign_out" } : { type: "sign_out", browser_id: browserId });
  }

  /** Whether an event belonged to it. */
  handle(event: Event, answers: Command["type"] | null): boolean {
    const now = signedIn.value;
    switch (event.type) {
      case "browsers":
        signedIn.value = { ...NOTHING, list: event.browsers };
        return true;
      case "signed_out": {
        const gone = new Set(event.browser_ids);
        // Those that were not signed in any more are gone as well: what is shown is what the server has.
        const list = now.list?.filter((one) => !gone.has(one.browser_id) && !now.leaving.has(one.browser_id)) ?? null;
        signedIn.value = { ...NOTHING, list };
        return true;
      }
      case "error":
        if (answers !== "browsers" && answers !== "sign_out") return false;
        signedIn.value = { ...NOTHING, list: now.list, problem: event.code };
        return true;
      default:
        return false;
    }
  }
}

function union(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one, ...other]);
}
