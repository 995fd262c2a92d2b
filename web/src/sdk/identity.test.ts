import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Identity, type Store } from "./identity";

const SESSION = { session_id: "s", secret: "x", seq: 4 };

function store(): Store {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/** One lock, as the browser gives it: to the next in the queue when the last lets go, unless that one has given up. */
class Locks {
  private last: Promise<unknown> = Promise.resolve();

  request(_: string, { signal }: { signal: AbortSignal }, held: () => Promise<void>): Promise<void> {
    const before = this.last;
    const done = new Promise<void>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
      before.then(() => {
        if (!signal.aborted) resolve(held());
      });
    });
    this.last = done.catch(() => {});
    return done;
  }
}

/** A page of the tab. `go` ends the page that was there before. */
function tab() {
  const locks = new Locks();
  let go = () => {};
  const before = new Promise<void>((resolve) => {
    go = resolve;
  });
  void locks.request("", { signal: new AbortController().signal }, () => before);
  const identity = new Identity("", store(), store(), locks as unknown as LockManager);
  identity.keepSession(SESSION);
  return { identity, go };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("goes on with the session of a page of this tab that is just going", async () => {
  const { identity, go } = tab();
  const stored = identity.storedSession();
  await vi.advanceTimersByTimeAsync(400);
  go();
  await vi.advanceTimersByTimeAsync(5000);
  expect(await stored).toEqual(SESSION);
});

it("leaves its session to the tab that it is a duplicate of", async () => {
  const { identity } = tab();
  const stored = identity.storedSession();
  await vi.advanceTimersByTimeAsync(5000);
  expect(await stored).toBeNull();
});
