/** How a user comes to one more device: one shows a code, which the other gives. Both sides of it; the server has the rules. */

import { signal } from "@preact/signals";
import type { Command, Credentials, ErrorCode, Event, UserInfo } from "./sdk/protocol";
import { DIGITS } from "./sdk/user-id";

const LENGTH = 10;

/** On the device that shows the code. `until`: wall clock in ms. */
export type Shown =
  | { kind: "asking" }
  | { kind: "code"; code: string; until: number }
  | { kind: "used"; device: string }
  | { kind: "over" }
  | { kind: "failed"; problem: ErrorCode };

/** On the device that gives it. */
export type Taken =
  | { kind: "typing"; problem: ErrorCode | null }
  | { kind: "looking"; code: string }
  | { kind: "seen"; code: string; user: UserInfo }
  | { kind: "taking"; code: string; user: UserInfo };

/** null: nothing of that goes on. */
export const shown = signal<Shown | null>(null);
export const taken = signal<Taken | null>(null);

/** The digits of a code as people type it, or of a link that carries one; null: it is none. */
export function parseCode(text: string): string | null {
  const typed = /#pair=([^&]+)/.exec(text)?.[1] ?? text;
  const digits = typed.toLowerCase().replace(/[\s-]/g, "").replace(/o/g, "0").replace(/[il]/g, "1");
  return digits.length === LENGTH && [...digits].every((digit) => DIGITS.includes(digit)) ? digits : null;
}

/** What the other device is to open. A fragment is in no log of any server. */
export function pairLink(origin: string, code: string): string {
  return `${origin}/#pair=${code.replace("-", "")}`;
}

/** Takes a code out of the page's own address, at once. */
export function takeCode(): string | null {
  if (!location.hash.startsWith("#pair=")) return null;
  const code = parseCode(location.hash);
  history.replaceState(history.state, "", `${location.pathname}${location.search}`);
  return code;
}

export interface PairingWorld {
  send(command: Command): void;
  /** Is this user from now on. */
  become(credentials: Credentials): void;
  now(): number;
}

export class Pairer {
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly world: PairingWorld) {}

  /** Asks for a code to be shown. */
  show(): void {
    shown.value = { kind: "asking" };
    this.world.send({ type: "pair" });
  }

  /** The code is shown no more, so it is good no more. */
  hide(): void {
    clearTimeout(this.timer);
    if (shown.value?.kind === "code" || shown.value?.kind === "asking") this.world.send({ type: "cancel_pairing" });
    shown.value = null;
  }

  /** Asks whom a code brings. */
  look(code: string): void {
    taken.value = { kind: "looking", code };
    this.world.send({ type: "look_at_pairing", code });
  }

  /** This device is the user's from now on whom the code brings. */
  take(): void {
    const seen = taken.value;
    if (seen?.kind !== "seen") return;
    taken.value = { ...seen, kind: "taking" };
    this.world.send({ type: "use_pairing", code: seen.code });
  }

  /** Whether an event belonged to it. */
  handle(event: Event, answers: Command["type"] | null): boolean {
    switch (event.type) {
      case "pairing_begun": {
        clearTimeout(this.timer);
        const lasts = event.expires_in_s * 1000;
        this.timer = setTimeout(() => this.over(), lasts);
        shown.value = { kind: "code", code: event.code, until: this.world.now() + lasts };
        return true;
      }
      case "pairing_over":
        if (event.used_by === undefined) this.over();
        else if (shown.value !== null) shown.value = { kind: "used", device: event.used_by };
        return true;
      case "pairing_seen": {
        const { value } = taken;
        if (value?.kind === "looking") taken.value = { kind: "seen", code: value.code, user: event.user };
        return true;
      }
      case "paired":
        this.world.become({ user_id: event.user_id, secret: event.secret });
        return true;
      case "welcome":
        // Another session, or another run of the server: it knows of no code.
        if (!event.resumed) this.over();
        return false;
      case "error":
        if (answers === "pair") shown.value = { kind: "failed", problem: event.code };
        else if (answers === "look_at_pairing" || answers === "use_pairing") {
          taken.value = { kind: "typing", problem: event.code };
        } else return answers === "cancel_pairing";
        return true;
      default:
        return false;
    }
  }

  private over(): void {
    clearTimeout(this.timer);
    if (shown.value?.kind === "code") shown.value = { kind: "over" };
  }
}
