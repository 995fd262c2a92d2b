/** `<tandem-call>`: calls on a page of somebody else's, made of the client library. docs/sdk.md. */

import type { Tone } from "../core/state";
import { Call, type Room, Tandem, TandemError } from "../index";
import { Tones } from "../tones";
import { sentenceFor, type Texts, textsFor } from "./texts";
import { type Buttons, type Deed, View } from "./view";

/** What is shown while there is no call and no room. */
type Idle =
  | { kind: "connecting" }
  | { kind: "ready" }
  | { kind: "over"; code: string }
  | { kind: "failed"; code: string };

export class TandemCallElement extends HTMLElement {
  static readonly observedAttributes = ["server", "user", "room", "token", "lang", "ring"];

  #tandem: Tandem | null = null;
  /** Whether it is in a page. */
  #isPlaced = false;
  #idle: Idle = { kind: "connecting" };
  #blocked = false;
  #tone: Tone = null;
  readonly #tones = new Tones();
  readonly #view: View;

  constructor() {
    super();
    this.#view = new View(this.attachShadow({ mode: "open" }), (deed) => void this.#do(deed));
  }

  /** The library's own object, for whatever the element has no button for. null while the element is in no page. */
  get tandem(): Tandem | null {
    return this.#tandem;
  }

  /** @internal */
  connectedCallback(): void {
    this.#isPlaced = true;
    this.#connect();
  }

  /** @internal */
  disconnectedCallback(): void {
    this.#isPlaced = false;
    this.#disconnect();
  }

  /** @internal */
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after || !this.#isPlaced) return;
    if (name === "server" || name === "token") {
      this.#disconnect();
      this.#connect();
    } else if (name === "ring") this.#ring(this.#tone);
    else this.#draw();
  }

  /** Calls the user, or comes into the room, that the attributes name. */
  call(): Promise<void> {
    return this.#do(this.hasAttribute("room") ? "join" : "call");
  }

  answer(): Promise<void> {
    return this.#do("answer");
  }

  /** Refuses, takes back, hangs up or leaves, whatever there is. */
  hangUp(): void {
    const room = this.#tandem?.room;
    if (room instanceof Call) room.hangUp();
    else room?.leave();
  }

  #disconnect(): void {
    this.#tandem?.disconnect();
    this.#tandem = null;
    this.#ring(null);
  }

  /** Unless the page around it rings by a sound of its own. */
  #ring(tone: Tone): void {
    this.#tone = tone;
    this.#tones.set(this.getAttribute("ring") === "off" ? null : tone);
  }

  #connect(): void {
    const token = this.getAttribute("token");
    this.#idle = { kind: "connecting" };
    let tandem: Tandem;
    try {
      const server = this.getAttribute("server") ?? new URL(import.meta.url).origin;
      tandem = new Tandem({ server, ...(token !== null && { token }) });
    } catch (error) {
      this.#failed(error);
      return;
    }
    this.#tandem = tandem;
    tandem.engine.on("ring", (tone) => tandem === this.#tandem && this.#ring(tone));
    tandem.on("connection", (connection) => {
      if (connection === "signed_out") this.#idle = { kind: "failed", code: "signed_out" };
      this.#draw();
    });
    tandem.on("incoming", (call) => {
      this.#follow(call);
      this.#tell("incoming", { userId: call.user.id, name: call.user.name });
    });
    tandem.on("resumed", (room) => this.#follow(room));
    this.#draw();
    tandem.connect().then(
      () => {
        this.#idle = { kind: "ready" };
        this.#draw();
        this.#tell("ready", { userId: tandem.userId });
      },
      (error: unknown) => tandem === this.#tandem && this.#failed(error),
    );
  }

  async #do(deed: Deed): Promise<void> {
    const tandem = this.#tandem;
    if (tandem === null) return;
    const { room } = tandem;
    const starts = { microphone: this.getAttribute("audio") !== "off", camera: this.getAttribute("video") !== "off" };
    try {
      switch (deed) {
        case "call": {
          const made = tandem.call(this.getAttribute("user") ?? "", starts);
          if (tandem.room !== null) this.#follow(tandem.room);
          await made;
          break;
        }
        case "join": {
          const passphrase = this.#view.passphrase.value;
          const joined = tandem.join(this.getAttribute("room") ?? "", {
            ...starts,
            ...(passphrase !== "" && { passphrase }),
          });
          if (tandem.room !== null) this.#follow(tandem.room);
          await joined;
          this.#view.passphrase.value = "";
          break;
        }
        case "answer":
          if (room instanceof Call) await room.answer(starts);
          break;
        case "decline":
        case "hang_up":
          this.hangUp();
          break;
        case "microphone":
          await room?.setMicrophone(room.local.microphone !== "on");
          break;
        case "camera":
          await room?.setCamera(room.local.camera !== "on");
          break;
        case "hear":
          this.#blocked = false;
          room?.startPlayback();
          this.#draw();
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #follow(room: Room | Call): void {
    this.#blocked = false;
    const draw = () => this.#draw();
    for (const name of ["state", "local", "participantJoined", "participantLeft", "participantChanged"] as const) {
      room.on(name, draw);
    }
    room.on("trackChanged", draw);
    room.on("track", (track) => {
      this.#view.hear(track);
      draw();
    });
    room.on("trackEnded", (track) => {
      this.#view.silence(track);
      draw();
    });
    room.on("playbackBlocked", () => {
      this.#blocked = true;
      draw();
    });
    room.on("answered", () => this.#tell("answered", {}));
    room.on("ended", ({ reason, byMe, durationMs }) => {
      this.#idle = { kind: "over", code: reason };
      draw();
      this.#tell("ended", { reason, byMe, durationMs });
    });
    room.attachSelf(this.#view.self);
    draw();
  }

  #failed(error: unknown): void {
    const code = error instanceof TandemError ? error.code : "failed";
    if (!(error instanceof TandemError)) reportError(error);
    // What is in progress goes on without, such as a call without a camera; an end has its own words.
    if (this.#tandem?.room == null && this.#idle.kind !== "over") this.#idle = { kind: "failed", code };
    this.#draw();
    this.#tell("failed", { code, message: error instanceof Error ? error.message : String(error) });
  }

  #tell(name: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  #draw(): void {
    const texts = this.#texts();
    const room = this.#tandem?.room ?? null;
    const inside = room?.state === "open" ? room : null;
    const { words, wrong, buttons } = room === null ? this.#idleFace(texts) : this.#face(room, texts);
    const asks = room === null && this.#idle.kind === "over" && this.#idle.code === "passphrase_needed";
    this.#view.show(words, wrong, buttons, asks ? texts.passphrase : null);
    this.#view.showPeople(inside?.participants ?? null, texts, inside?.local.camera === "on");
  }

  #idleFace(texts: Texts): { words: string; wrong: boolean; buttons: Buttons } {
    const idle = this.#idle;
    const begin: Buttons = this.hasAttribute("room")
      ? { join: texts.join }
      : this.hasAttribute("user")
        ? { call: texts.call }
        : {};
    const isConnected =
      this.#tandem?.userId != null && idle.kind !== "connecting" && this.#tandem.connection !== "signed_out";
    const buttons = isConnected ? begin : {};
    switch (idle.kind) {
      case "connecting":
        return { words: texts.connecting, wrong: false, buttons };
      case "ready":
        return { words: Object.keys(begin).length === 0 ? texts.waiting : texts.ready, wrong: false, buttons };
      case "over":
        return { words: sentenceFor(texts, idle.code), wrong: false, buttons };
      case "failed":
        return { words: sentenceFor(texts, idle.code), wrong: true, buttons };
    }
  }

  #face(room: Room | Call, texts: Texts): { words: string; wrong: boolean; buttons: Buttons } {
    const { local, state } = room;
    const problem = local.problems[0];
    const devices: Buttons = {
      ...(this.#blocked && { hear: texts.hear }),
      microphone: local.microphone === "on" ? texts.mute : texts.unmute,
      camera: local.camera === "on" ? texts.camera_off : texts.camera_on,
      hang_up: texts.hang_up,
    };
    const face = (words: string, buttons: Buttons) => ({ words, wrong: false, buttons });
    if (state === "ringing" && room instanceof Call && room.direction === "incoming") {
      const words = texts.incoming.replace("{name}", () => room.user.name || room.user.id);
      return face(words, { answer: texts.answer, decline: texts.decline });
    }
    if (state === "ringing") return face(texts.calling, { hang_up: texts.hang_up });
    if (state === "entering") return face(texts.entering, { hang_up: texts.hang_up });
    if (state === "lobby") return face(texts.lobby, { hang_up: texts.hang_up });
    if (problem !== undefined) return { words: sentenceFor(texts, problem), wrong: true, buttons: devices };
    if (this.#tandem?.connection === "down") return face(texts.reconnecting, devices);
    return face(room.participants.length === 0 ? texts.alone : "", devices);
  }

  #texts(): Texts {
    const own = this.closest("[lang]")?.getAttribute("lang");
    return textsFor(own ? [own, ...navigator.languages] : navigator.languages);
  }
}

if (customElements.get("tandem-call") === undefined) customElements.define("tandem-call", TandemCallElement);

declare global {
  interface HTMLElementTagNameMap {
    "tandem-call": TandemCallElement;
  }
}
