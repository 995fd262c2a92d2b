/** What an application has of a server: who it is there, the calls that ring, and those that it makes. */

import { Call, type StartsWith } from "./call";
import type { AppState } from "./core/state";
import type { Connection } from "./core/words";
import { Emitter } from "./emitter";
import { Engine } from "./engine";
import { TandemError } from "./errors";
import { Identity, storeOr } from "./identity";
import type { Chosen, Device } from "./media/devices";
import { refusedOrigin } from "./refused-origin";
import { Room } from "./room";
import { type ServerAddress, serverAddress } from "./server-address";
import { parseLinkId, parseUserId } from "./user-id";

export interface TandemOptions {
  /** Where the server is, such as "https://calls.example.org". */
  server: string;
  /**
   * By which your own application signs this user in (docs/tokens.md), or a function that gets one: it is asked at `connect`, and again
   * when the server takes the last one no more. Without, the server has to run with `auth.mode = "open"`, and this browser's user is made
   * at the first visit and kept in `localStorage`.
   */
  token?: string | (() => string | Promise<string>);
  /** Keeps several users apart in one browser. */
  profile?: string;
  /** The ids of the devices to open, as `enumerateDevices` tells them; empty: whatever the system prefers. */
  devices?: Partial<Record<Device, string>>;
  /** Media never goes directly, so that nobody in a call learns this user's addresses. */
  alwaysThroughServer?: boolean;
  /** How long `connect` waits for the server, in milliseconds. */
  connectWithinMs?: number;
  /** @internal The user of the call link that the page was opened with. */
  link?: string | null;
}

export interface JoinOptions extends StartsWith {
  passphrase?: string;
}

export interface TandemEvents {
  /** `up`, or why not: `down` until it is back by itself, `stopping` while the server is drained, `signed_out` for want of a good token. */
  connection: [connection: Connection];
  /** Somebody calls: answer or decline it. It ends by itself when they give up, or when it is answered elsewhere. */
  incoming: [call: Call];
  /** The call or room that this page was in before it was loaded again goes on. */
  resumed: [room: Call | Room];
  /** A device is gone, and another one has taken its place. */
  deviceSwitched: [device: Device, label: string];
}

const CONNECT_WITHIN_MS = 20_000;

export class Tandem extends Emitter<TandemEvents> {
  readonly #engine: Engine;
  readonly #options: TandemOptions;
  readonly #address: ServerAddress;
  readonly #identity: Identity;
  #devices: Chosen;
  #connecting: Promise<void> | null = null;
  #room: Room | Call | null = null;
  /** The page asked for what begins now. */
  #asked = false;
  /** Whether a token that is taken no more may be replaced: one try each time that the server was there. */
  #mayRefresh = false;

  constructor(options: TandemOptions) {
    super();
    this.#options = options;
    const { server, profile = "", devices, link = null } = options;
    this.#address = serverAddress(server, profile, globalThis.location?.origin ?? "null");
    this.#devices = { microphone: devices?.microphone ?? "", camera: devices?.camera ?? "" };
    this.#identity = new Identity(
      this.#address.slot,
      storeOr(() => localStorage),
      storeOr(() => sessionStorage),
      navigator.locks,
    );
    if (typeof options.token === "string") this.#identity.keepToken(options.token);
    if (options.alwaysThroughServer !== undefined) {
      this.#identity.keepAlwaysThroughServer(options.alwaysThroughServer);
    }
    this.#engine = new Engine({
      websocketUrl: this.#address.websocketUrl,
      identity: this.#identity,
      chosen: () => this.#devices,
      link,
    });
    this.#engine.on("state", (state, before) => this.#follow(state, before));
    this.#engine.on("remote", (remote) => this.#room?.received(remote));
    this.#engine.on("tracks", () => this.#room?.tracksChanged());
    this.#engine.on("quality", (quality) => this.#room?.judged(quality));
    this.#engine.on("switched", (device, label) => this.emit("deviceSwitched", device, label));
  }

  /** @internal What the page of Tandem itself draws, and feeds with what the user does. */
  get engine(): Engine {
    return this.#engine;
  }

  /** What this user is called by; null until it is connected. */
  get userId(): string | null {
    return this.#engine.state.me?.userId ?? null;
  }

  /** Empty where none was given. */
  get name(): string {
    return this.#engine.state.me?.name ?? "";
  }

  get connection(): Connection {
    return this.#engine.state.connection;
  }

  /** The call or room that this page is in, that rings, or that it comes into; null: none. */
  get room(): Call | Room | null {
    return this.#room?.state === "ended" ? null : this.#room;
  }

  /**
   * Resolves when the server has taken this page in; from then on it comes back by itself when the connection drops.
   * Rejects with `origin_not_allowed`, `signed_out`, `unreachable_server`, or a code of the server's.
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect().catch((error: unknown) => {
      this.#connecting = null;
      this.#engine.stop();
      throw error;
    });
    return this.#connecting;
  }

  /** Hangs up, and lets go of the server. `connect` comes back. */
  disconnect(): void {
    this.#connecting = null;
    this.#engine.stop();
  }

  /** Goes on as whom this token signs in. Whatever was before is over. */
  signIn(token: string): void {
    this.#engine.signIn(token);
  }

  /** What others see of this user. Where tokens sign in, the name is in them. */
  setName(name: string): void {
    this.#engine.send({ kind: "set_name", name });
  }

  /**
   * Calls a user. Asks for the devices at once, so it is to be called in a click. Resolves when it rings at the other's end; rejects with
   * `unreachable`, `busy` and whatever else ends a call before it rings.
   */
  async call(userId: string, { microphone = true, camera = true }: StartsWith = {}): Promise<Call> {
    const id = parseUserId(userId);
    if (id === null)
      throw new TandemError("bad_user_id", `"${userId}" is no user id: it has 12 digits, as in k7mq-2xwd-9hpt`);
    this.#mayBegin();
    this.#ask(() => this.#engine.send({ kind: "call", userId: id, microphone, camera }));
    const call = this.#room;
    if (!(call instanceof Call)) throw new TandemError("in_call", "there is a call or a room already");
    await call.ringing();
    return call;
  }

  /**
   * Comes into the room of a link, given as the link or its id. Resolves when this page is in, which in a room with a lobby takes until a
   * host admits it: `tandem.room` is there meanwhile, to `leave`. Rejects with `passphrase_needed`, `room_full`, `no_such_link` and so on.
   */
  async join(link: string, { passphrase, microphone = true, camera = true }: JoinOptions = {}): Promise<Room> {
    const linkId = parseLinkId(link);
    if (linkId === null)
      throw new TandemError("bad_link", `"${link}" is no link of a room: it ends in /r/ and 13 digits`);
    this.#mayBegin();
    this.#ask(() => {
      this.#engine.send({ kind: "open_link", linkId });
      this.#engine.send({ kind: "join", passphrase: passphrase ?? null, microphone, camera });
    });
    const room = this.#room;
    if (room === null || room instanceof Call) throw new TandemError("in_call", "there is a call or a room already");
    try {
      await room.entered();
    } finally {
      // Before the door of somewhere else nobody is to be found.
      if (room.state === "ended" && this.#engine.state.phase.kind === "joining") this.#engine.send({ kind: "home" });
    }
    return room;
  }

  /** Which devices are opened from now on; empty: whatever the system prefers. What is in use stays. */
  prefer(devices: Partial<Record<Device, string>>): void {
    this.#devices = { ...this.#devices, ...devices };
  }

  /** Takes another microphone or camera, in mid-call too. */
  chooseDevice(device: Device, deviceId: string): Promise<void> {
    this.prefer({ [device]: deviceId });
    return this.#engine.switchDevice(device);
  }

  async #connect(): Promise<void> {
    const { token, connectWithinMs = CONNECT_WITHIN_MS } = this.#options;
    const engine = this.#engine;
    if (typeof token === "function") this.#identity.keepToken(await token());
    let last: TandemError | null = null;
    await new Promise<void>((resolve, reject) => {
      const ends: (() => void)[] = [];
      let isOver = false;
      const end = (settle: () => void) => {
        isOver = true;
        for (const one of ends) one();
        settle();
      };
      const timer = setTimeout(() => {
        const message = `no answer from ${this.#address.origin} within ${connectWithinMs} ms`;
        end(() => reject(last ?? new TandemError("unreachable_server", message)));
      }, connectWithinMs);
      ends.push(
        () => clearTimeout(timer),
        engine.on("state", ({ connection }) => {
          if (connection !== "signed_out") return;
          end(() => reject(new TandemError("signed_out", "the server takes people in by tokens, and has taken none")));
        }),
        engine.on("event", (event, answers) => {
          if (event.type !== "error" || answers !== "hello") return;
          last = new TandemError(event.code, event.message);
          // Of another version: it will not get better.
          if (event.code === "bad_command") end(() => reject(last));
        }),
        engine.on("attempted", async (up) => {
          if (up) return end(resolve);
          const refused = await refusedOrigin(this.#address.origin);
          if (refused === null || isOver) return;
          console.error(`Tandem: ${refused.message}`);
          end(() => reject(refused));
        }),
      );
      engine.start();
    });
  }

  /** One call or room at a time. */
  #mayBegin(): void {
    if (this.#engine.state.me === null) throw new TandemError("not_connected", "connect first");
    if (this.room !== null) throw new TandemError("in_call", "there is a call or a room already");
  }

  #ask(begin: () => void): void {
    this.#asked = true;
    begin();
    this.#asked = false;
  }

  #follow(after: AppState, before: AppState): void {
    if (after.connection !== before.connection) this.#connectionChanged(after.connection);
    if (this.room === null) this.#begin(after);
    this.#room?.follow(after, before);
  }

  #connectionChanged(connection: Connection): void {
    queueMicrotask(() => this.emit("connection", connection));
    const { token } = this.#options;
    if (connection === "up") this.#mayRefresh = true;
    if (connection !== "signed_out" || typeof token !== "function" || !this.#mayRefresh) return;
    this.#mayRefresh = false;
    Promise.resolve()
      .then(token)
      .then((fresh) => this.signIn(fresh))
      .catch(reportError);
  }

  /** A call rings, or something begins that the page asked for, or goes on after the page was loaded again. */
  #begin({ phase }: AppState): void {
    const { kind } = phase;
    if (kind === "incoming") {
      const call = new Call(this.#engine, "incoming", { id: phase.user.user_id, name: phase.user.name });
      this.#room = call;
      queueMicrotask(() => this.emit("incoming", call));
      return;
    }
    const room = this.#made(phase);
    if (room === null) return;
    this.#room = room;
    if (!this.#asked) queueMicrotask(() => this.emit("resumed", room));
  }

  #made(phase: AppState["phase"]): Room | Call | null {
    switch (phase.kind) {
      case "calling":
        return new Call(this.#engine, "outgoing", { id: phase.userId, name: phase.user?.name ?? "" });
      case "in_call":
        return phase.callId === null
          ? new Room(this.#engine, "entering")
          : new Call(this.#engine, phase.direction, { id: phase.user.user_id, name: phase.user.name });
      case "joining":
        return phase.entering ? new Room(this.#engine, "entering") : null;
      case "lobby":
        return new Room(this.#engine, "lobby");
      default:
        return null;
    }
  }
}
