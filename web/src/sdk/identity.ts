/** Who this browser is and which session this tab had: what has to outlive a page, and how two tabs share it. */

import type { CallMemory } from "./core/state";
import type { Credentials } from "./protocol";

/** What a reloaded page needs to go on with its session. */
export interface StoredSession {
  session_id: string;
  secret: string;
  seq: number;
  /** How many websockets asked for it; none before there was this count. */
  tries?: number;
}

export interface FirstHello {
  credentials: Credentials | null;
  /** Call it once `welcome` has come and what it brought is stored, or when the attempt has failed. */
  release: () => void;
}

/** The part of web storage that is used. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** A browser that blocks storage throws at the mere mention of it: then the identity lives as long as the page. */
export function storeOr(get: () => Storage): Store {
  try {
    return get();
  } catch {
    const values = new Map<string, string>();
    return {
      getItem: (key) => values.get(key) ?? null,
      setItem: (key, value) => void values.set(key, value),
      removeItem: (key) => void values.delete(key),
    };
  }
}

/** The part of `navigator.locks` that is used; Safari before 15.4 has none. */
type Locks = Pick<LockManager, "request">;

/** How long a first visit may keep other tabs waiting for its identity. */
const FIRST_HELLO_MAX_MS = 5000;

/** A page that is left lets go of its session's lock within so long; one that is duplicated never. */
const OWN_WITHIN_MS = 1500;

export class Identity {
  /** `slot`: the `?user=` label, which lets one browser play several people. */
  constructor(
    private readonly slot: string,
    private readonly local: Store,
    private readonly session: Store,
    private readonly locks: Locks | undefined,
  ) {}

  private key(name: string): string {
    return this.slot ? `tandem.${name}.${this.slot}` : `tandem.${name}`;
  }

  credentials(): Credentials | null {
    return read<Credentials>(this.local, this.key("user"));
  }

  keepCredentials(credentials: Credentials): void {
    write(this.local, this.key("user"), credentials);
  }

  /** The server does not know this user any more. */
  forgetCredentials(refused: Credentials): void {
    // Another tab may have a newer identity by then: that one stays.
    if (this.credentials()?.secret !== refused.secret) return;
    write(this.local, this.key("user"), read<Credentials>(this.local, this.key("user-before")));
    write(this.local, this.key("user-before"), null);
  }

  /** Is this user from now on. The one before comes back where this one is signed out. */
  become(credentials: Credentials): void {
    write(this.local, this.key("user-before"), this.credentials());
    this.keepCredentials(credentials);
    this.keepSession(null);
    this.keepCall(null);
  }

  /**
   * Gives the credentials for a hello. Two tabs opened at once on a first visit must not become two users, so a visit without
   * credentials holds a lock until its welcome is stored; the second tab then finds them.
   */
  async firstHello(): Promise<FirstHello> {
    const known = this.credentials();
    if (known !== null || this.token() !== null || this.locks === undefined)
      return { credentials: known, release: () => {} };
    const { locks } = this;
    return new Promise((resolve) => {
      locks
        .request(
          this.key("first-hello"),
          () =>
            new Promise<void>((release) => {
              setTimeout(release, FIRST_HELLO_MAX_MS);
              resolve({ credentials: this.credentials(), release });
            }),
        )
        .catch(() => resolve({ credentials: this.credentials(), release: () => {} }));
    });
  }

  /** The token that the operator's application gave this tab. It is nobody's in another one. */
  token(): string | null {
    return read<string>(this.session, this.key("token"));
  }

  /** One that is new brings somebody new, or the same to another room: what this tab did before is over. */
  keepToken(token: string): void {
    if (token === this.token()) return;
    write(this.session, this.key("token"), token);
    this.keepSession(null);
    this.keepCall(null);
  }

  forgetToken(): void {
    write(this.session, this.key("token"), null);
  }

  /** The link of the room that this tab comes to as a guest: for as long as its page is that room's. */
  guestOf(): string | null {
    return read<string>(this.session, this.key("guest-of"));
  }

  keepGuestOf(linkId: string | null): void {
    write(this.session, this.key("guest-of"), linkId);
  }

  /** The session of this tab before a reload; null if another tab has it (a duplicated tab copies sessionStorage). */
  async storedSession(): Promise<StoredSession | null> {
    const stored = read<StoredSession>(this.session, this.key("session"));
    if (stored === null) return null;
    return (await this.own(stored.session_id)) ? stored : null;
  }

  keepSession(session: StoredSession | null): void {
    write(this.session, this.key("session"), session);
  }

  /** Takes the session's lock for the life of this page. The page before it in this tab may take a moment to go. */
  async own(sessionId: string): Promise<boolean> {
    const { locks } = this;
    if (locks === undefined) return true;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), OWN_WITHIN_MS);
    return new Promise((resolve) => {
      locks
        .request(`tandem.session.${sessionId}`, { signal: late.signal }, () => {
          clearTimeout(timer);
          resolve(true);
          return new Promise<void>(() => {});
        })
        .catch(() => {
          clearTimeout(timer);
          resolve(!late.signal.aborted);
        });
    });
  }

  /** The call of this page, for the page that comes after a reload or a crash. */
  keepCall(call: CallMemory | null): void {
    write(this.session, this.key("call"), call);
  }

  call(): CallMemory | null {
    const call = read<CallMemory>(this.session, this.key("call"));
    return typeof call?.roomId === "string" && typeof call.generation === "number" ? call : null;
  }

  alwaysThroughServer(): boolean {
    return read<boolean>(this.local, this.key("always-through-server")) ?? false;
  }

  keepAlwaysThroughServer(on: boolean): void {
    write(this.local, this.key("always-through-server"), on);
  }
}

/** Storage can be full, blocked, or written by an older version: then it is as if nothing were there. */
function read<T>(storage: Store, key: string): T | null {
  try {
    return JSON.parse(storage.getItem(key) ?? "null") as T | null;
  } catch {
    return null;
  }
}

function write(storage: Store, key: string, value: unknown): void {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // The page works without; only a reload then starts anew.
  }
}
