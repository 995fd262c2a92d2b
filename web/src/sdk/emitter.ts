/** Events of an object, by name. */

export type Listener<Arguments extends unknown[]> = (...args: Arguments) => void;

/** One of some event: which, only its name tells. */
type AnyListener = (...args: unknown[]) => void;

/** `Events`: what each event tells. */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<AnyListener>>();

  /** Calls `listener` at each event of this name. The function that is returned ends that. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener as unknown as AnyListener);
    this.#listeners.set(name, listeners);
    return () => this.off(name, listener);
  }

  /** The same for the next event of this name alone. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const end = this.on(name, (...args: Events[Name]) => {
      end();
      listener(...args);
    });
    return end;
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.#listeners.get(name)?.delete(listener as unknown as AnyListener);
  }

  /** @internal */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        // A fault of the application's is not to stop a call. It is told where uncaught ones are.
        reportError(error);
      }
    }
  }
}
