/** A call between two users, from ringing to its end. Once it is answered, it is the room that they talk in. */

import type { AppState } from "./core/state";
import type { Engine } from "./engine";
import { Room } from "./room";
import { until } from "./until";

/** What is on from the start. A microphone that is not is open all the same, so that it is there at once. */
export interface StartsWith {
  microphone?: boolean;
  camera?: boolean;
}

export class Call extends Room {
  readonly #engine: Engine;
  #user: { id: string; name: string };

  /** @internal */
  constructor(
    engine: Engine,
    /** Who rang. */
    readonly direction: "outgoing" | "incoming",
    user: { id: string; name: string },
  ) {
    super(engine, "ringing");
    this.#engine = engine;
    this.#user = user;
  }

  /** Who is called, or calls. The name is what they call themselves: text, and no HTML. */
  get user(): { id: string; name: string } {
    return this.#user;
  }

  /** Resolves when both are connected. */
  async answer({ microphone = true, camera = true }: StartsWith = {}): Promise<void> {
    if (this.direction === "incoming" && this.state === "ringing") {
      this.#engine.send({ kind: "answer", microphone, camera });
    }
    await this.entered();
  }

  /** Refuses an incoming call. */
  decline(): void {
    if (this.state === "ringing") this.#engine.send({ kind: "decline" });
  }

  /** Takes an outgoing call back, refuses an incoming one, ends one that was answered. */
  hangUp(): void {
    if (this.state === "open") this.leave();
    else if (this.direction === "outgoing") this.#engine.send({ kind: "cancel" });
    else this.decline();
  }

  /** @internal Resolves when it rings at the other's end. */
  async ringing(): Promise<void> {
    await until(this.#engine, ({ phase }) => {
      this.throwIfOver();
      return phase.kind !== "calling" || phase.callId !== null ? true : undefined;
    });
  }

  /** @internal */
  override follow(after: AppState, before: AppState): void {
    const was = this.state;
    const { phase } = after;
    const user = "user" in phase ? phase.user : null;
    if (user !== null) this.#user = { id: user.user_id, name: user.name };
    super.follow(after, before);
    if (was === "ringing" && this.state === "open") {
      this.tell("answered");
    }
  }
}
