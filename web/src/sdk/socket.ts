/** The session: one websocket at a time, kept alive, made again when it drops, and resumed so that nothing is lost or doubled. */

import { backoffMs } from "./backoff";
import type { FirstHello, StoredSession } from "./identity";
import {
  type Command,
  type CommandFrame,
  type Credentials,
  type Event,
  type EventFrame,
  PROTOCOL_VERSION,
} from "./protocol";

/**
 * In a call both ends want to know soon that the other is gone. Before, only often enough that nothing on the way closes a quiet
 * connection, which some do after 30 s: with thousands of pages open, each ping is work for the server.
 */
interface Pace {
  pingEveryMs: number;
  pongWithinMs: number;
  /** A websocket that neither opens nor is welcomed in this time is tried again. */
  welcomeWithinMs: number;
}
const IDLE: Pace = { pingEveryMs: 25_000, pongWithinMs: 5000, welcomeWithinMs: 10_000 };
const IN_CALL: Pace = { pingEveryMs: 1000, pongWithinMs: 3000, welcomeWithinMs: 4000 };
/** When the network is another one, the websocket most likely hangs. */
const PROBE_WITHIN_MS = 1500;
/** In a call the first attempt is made at once, and those that follow soon. */
const IN_CALL_FIRST_MS = 250;
const IN_CALL_MAX_MS = 1000;
/** What a server that was started again has no use for: the page says it anew, or the connection is another one. */
const OF_ONE_RUN: ReadonlySet<Command["type"]> = new Set([
  "offer",
  "publish",
  "signal",
  "request_path",
  "report_path",
  "report_quality",
  "report_happening",
  "start_check",
  "end_check",
  "say",
]);
/** The server closes a websocket with this when another one took its session over. */
const CLOSED_REPLACED = 4001;

/** What the socket needs of the world; tests give fakes. */
export interface SocketWorld {
  open(): WebSocket;
  random(): number;
  firstHello(): Promise<FirstHello>;
  /** By which the operator's application signs this page in, in place of credentials. */
  token(): string | null;
  forgetToken(): void;
  /** The link of the room that this page comes to as a guest, where people sign in. */
  guestOf(): string | null;
  storedSession(): Promise<StoredSession | null>;
  keepSession(session: StoredSession | null): void;
  keepCredentials(credentials: Credentials): void;
  forgetCredentials(credentials: Credentials): void;
}

export interface SocketListener {
  /** `answers`: the type of the command that the event's `ref` names; `about`: the message or the call that it was about. */
  event(event: Event, answers: Command["type"] | null, about: string | null): void;
  connected(up: boolean): void;
  /** The session was not resumed: its calls are gone, and so are the commands that the server had not taken. */
  sessionLost(): void;
  /** The server takes people in by tokens, and this page has none that is good: it is not tried again. */
  signedOut(): void;
}

/** The message that is to be said by a command, or the call that is accepted. */
function aboutOf(command: Command): string | null {
  if (command.type === "say" || command.type === "send_file") return command.message_id;
  return command.type === "accept" ? command.call_id : null;
}

export class Socket {
  private websocket: WebSocket | null = null;
  private session: StoredSession | null = null;
  private welcomed = false;
  private everWelcomed = false;
  private triedStored = false;
  private stopped = false;
  private failures = 0;
  private lastRef = 0;
  /** Commands that the server may not have taken yet, oldest first. */
  private pending: CommandFrame[] = [];
  /** Commands by ref, to tell what an answer belongs to: their types, and what they are about. */
  private readonly sent = new Map<number, { answers: Command["type"]; about: string | null }>();
  private pace = IDLE;
  private bootId: string | null = null;
  /** The oldest ping without its pong. */
  private pingRef: number | null = null;
  private pingTimer: ReturnType<typeof setTimeout> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private release = () => {};
  /** Counts the attempts, so that what belongs to an abandoned one is recognised. */
  private attempt = 0;

  constructor(
    private readonly world: SocketWorld,
    private readonly listener: SocketListener,
  ) {}

  start(): void {
    this.stopped = false;
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    this.drop();
    clearTimeout(this.retryTimer);
  }

  /** Sends now, or as soon as the session is there. */
  send(command: Command): void {
    const frame: CommandFrame = { ref: this.nextRef(command), ...command };
    this.pending.push(frame);
    if (this.welcomed) this.write(frame);
  }

  /** The network came back or is another one, or the page woke up: waiting for the next attempt makes no sense. */
  reconnectNow(): void {
    if (this.stopped) return;
    this.failures = 0;
    if (this.welcomed) {
      // The websocket may hang although it looks open: one unanswered ping decides.
      this.probe();
      return;
    }
    clearTimeout(this.retryTimer);
    this.drop();
    void this.connect();
  }

  /** The page was left, and the browser keeps it as it is: nobody answers here until it is shown again. */
  sleep(): void {
    clearTimeout(this.retryTimer);
    this.drop();
  }

  /** Whether something rings or is talked about: then the server has to hear of this page often. */
  setInCall(on: boolean): void {
    const pace = on ? IN_CALL : IDLE;
    if (this.pace === pace) return;
    this.pace = pace;
    if (this.welcomed) this.schedulePing();
  }

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    if (!this.triedStored) {
      this.triedStored = true;
      this.session = await this.world.storedSession();
    }
    const { credentials, release } = await this.world.firstHello();
    if (attempt !== this.attempt || this.stopped) return release();
    this.release = release;
    const websocket = this.world.open();
    this.websocket = websocket;
    this.deadline = setTimeout(() => this.lost(attempt), this.pace.welcomeWithinMs);
    websocket.onopen = () => this.hello(websocket, credentials);
    websocket.onmessage = (message) => {
      if (attempt === this.attempt) this.receive(String(message.data), credentials);
    };
    websocket.onerror = () => this.lost(attempt);
    websocket.onclose = (close) => {
      if (attempt !== this.attempt) return;
      // Another tab goes on with this session: fighting back would have both lose it again and again.
      if (close.code === CLOSED_REPLACED) this.forgetSession();
      this.lost(attempt);
    };
  }

  private hello(websocket: WebSocket, user: Credentials | null): void {
    // 0: a hello is not one of the session's commands, and must not outrun those that are sent again after it.
    if (this.session !== null) {
      this.session.tries = (this.session.tries ?? 0) + 1;
      this.world.keepSession(this.session);
    }
    const resume = this.session && { ...this.session, tries: this.session.tries ?? 0 };
    const token = this.world.token();
    const who = token === null ? { user, token: null } : { user: null, token };
    const guest_of = this.world.guestOf();
    const frame: CommandFrame = {
      ref: 0,
      type: "hello",
      protocol: PROTOCOL_VERSION,
      name: null,
      resume,
      guest_of,
      ...who,
    };
    websocket.send(JSON.stringify(frame));
  }

  private receive(text: string, used: Credentials | null): void {
    let frame: EventFrame;
    try {
      frame = JSON.parse(text) as EventFrame;
    } catch {
      return;
    }
    const { seq, ref, ...event } = frame;
    if (seq !== undefined && this.session) {
      // Replayed after a resume although it had come through.
      if (seq <= this.session.seq) return;
      this.session.seq = seq;
      this.world.keepSession(this.session);
    }
    // Commands are taken in order: what came before the one that is answered was taken too.
    if (ref !== undefined) this.pending = this.pending.filter((frame) => frame.ref > ref);
    if (event.type === "welcome") this.welcome(event, ref);
    else if (event.type === "pong") this.pong(event, ref);
    else if (event.type === "error" && !this.welcomed) this.helloRefused(event, used);
    else {
      const sent = ref === undefined ? undefined : this.sent.get(ref);
      this.listener.event(event as Event, sent?.answers ?? null, sent?.about ?? null);
    }
  }

  private welcome(event: Extract<Event, { type: "welcome" }>, ref: number | undefined): void {
    if (event.secret) this.world.keepCredentials({ user_id: event.user_id, secret: event.secret });
    this.release();
    clearTimeout(this.deadline);
    const hadSession = this.session !== null;
    const [seq, tries] = event.resumed ? [this.session?.seq ?? 0, this.session?.tries ?? 0] : [0, 0];
    this.session = { session_id: event.session_id, secret: event.resume_secret, seq, tries };
    this.world.keepSession(this.session);
    this.failures = 0;
    this.lastRef = Math.max(this.lastRef, event.last_ref);
    // What this page was given before its first welcome is new to the server, but numbered without knowing the session's last.
    if (event.resumed && !this.everWelcomed) {
      this.pending = this.pending.map((frame) => ({ ...frame, ref: this.nextRef(frame) }));
    } else if (event.resumed) this.pending = this.pending.filter((frame) => frame.ref > event.last_ref);
    else if (hadSession) this.pending = [];
    if (this.bootId !== null && this.bootId !== event.boot_id) {
      this.pending = this.pending.filter((frame) => !OF_ONE_RUN.has(frame.type));
    }
    this.bootId = event.boot_id;
    this.everWelcomed = true;
    // First what was lost, so that a page which is told of the new session starts from nothing.
    if (hadSession && !event.resumed) this.listener.sessionLost();
    this.listener.event(event, ref === undefined ? null : "hello", null);
    this.listener.connected(true);
    // Only from here on is anything written at once: a command of the welcome itself must not overtake those that waited.
    this.welcomed = true;
    for (const frame of this.pending) this.write(frame);
    this.schedulePing();
  }

  private helloRefused(event: Extract<Event, { type: "error" }>, used: Credentials | null): void {
    const hasToken = this.world.token() !== null;
    if (event.code === "not_signed_in") {
      this.forgetSession();
      if (hasToken || used === null) {
        this.world.forgetToken();
        this.stop();
        this.listener.connected(false);
        this.listener.signedOut();
        return;
      }
      // The server lost its users, or this browser's storage is of another server: start as a new user.
      this.world.forgetCredentials(used);
    } else if (event.code === "not_allowed" && hasToken) {
      // A server that takes no tokens.
      this.world.forgetToken();
    } else {
      this.listener.event(event, "hello", null);
    }
    this.lost(this.attempt);
  }

  private forgetSession(): void {
    if (this.session === null) return;
    this.session = null;
    this.pending = [];
    this.world.keepSession(null);
    this.listener.sessionLost();
  }

  private nextRef(command: Command): number {
    this.lastRef += 1;
    this.sent.set(this.lastRef, { answers: command.type, about: aboutOf(command) });
    // Answers come soon; without a bound the map would grow with every ping of a long day.
    this.sent.delete(this.lastRef - 1000);
    return this.lastRef;
  }

  private write(frame: CommandFrame): void {
    this.websocket?.send(JSON.stringify(frame));
  }

  private schedulePing(): void {
    clearTimeout(this.pingTimer);
    this.pingTimer = setTimeout(() => this.ping(), this.pace.pingEveryMs);
  }

  /** Pings do not wait for each other's pong: the server counts on hearing them. */
  private ping(pongWithinMs = this.pace.pongWithinMs): void {
    this.schedulePing();
    const ref = this.nextRef({ type: "ping" });
    this.write({ ref, type: "ping" });
    if (this.pingRef !== null) return;
    this.pingRef = ref;
    const { attempt } = this;
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.lost(attempt), pongWithinMs);
  }

  private probe(): void {
    this.pingRef = null;
    this.ping(PROBE_WITHIN_MS);
  }

  private pong(event: Extract<Event, { type: "pong" }>, ref: number | undefined): void {
    clearTimeout(this.deadline);
    const pinged = ref ?? this.pingRef;
    // The websocket keeps order: the server has taken everything that went before the ping.
    if (pinged !== null) this.pending = this.pending.filter((frame) => frame.ref > pinged);
    this.pingRef = null;
    if (event.ice_servers !== undefined) this.listener.event(event, "ping", null);
  }

  private lost(attempt: number): void {
    if (attempt !== this.attempt) return;
    this.drop();
    this.listener.connected(false);
    if (this.stopped) return;
    const random = this.world.random();
    const wait =
      this.pace === IDLE
        ? backoffMs(this.failures, random)
        : this.failures === 0
          ? 0
          : backoffMs(this.failures - 1, random, IN_CALL_FIRST_MS, IN_CALL_MAX_MS);
    this.failures += 1;
    this.retryTimer = setTimeout(() => void this.connect(), wait);
  }

  private drop(): void {
    this.attempt += 1;
    this.release();
    this.release = () => {};
    clearTimeout(this.deadline);
    clearTimeout(this.pingTimer);
    this.pingRef = null;
    this.welcomed = false;
    const { websocket } = this;
    this.websocket = null;
    if (websocket === null) return;
    websocket.onopen = null;
    websocket.onmessage = null;
    websocket.onerror = null;
    websocket.onclose = null;
    websocket.close();
  }
}
