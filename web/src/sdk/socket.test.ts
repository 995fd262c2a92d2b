import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs } from "./backoff";
import type { StoredSession } from "./identity";
import type { Command, Credentials, Event } from "./protocol";
import { Socket } from "./socket";

class FakeWebSocket {
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  onclose: ((close: { code: number }) => void) | null = null;
  closed = false;
  readonly sent: Record<string, unknown>[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.closed = true;
  }

  receive(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  types(): unknown[] {
    return this.sent.map((frame) => frame.type);
  }
}

class World {
  readonly websockets: FakeWebSocket[] = [];
  credentials: Credentials | null = { user_id: "u", secret: "user-secret" };
  stored: StoredSession | null = null;
  readonly events: [string, Command["type"] | null][] = [];
  readonly about: string[] = [];
  readonly up: boolean[] = [];
  lost = 0;
  onWelcome = () => {};
  token: string | null = null;
  guestOf: string | null = null;
  signedOut = 0;
  /** Sent as soon as the session is lost. */
  onLost: Command | null = null;
  released = 0;
  readonly socket = new Socket(
    {
      open: () => {
        const websocket = new FakeWebSocket();
        this.websockets.push(websocket);
        return websocket as unknown as WebSocket;
      },
      random: () => 0.5,
      firstHello: async () => ({ credentials: this.credentials, release: () => this.released++ }),
      storedSession: async () => this.stored,
      keepSession: (session) => {
        this.stored = session;
      },
      token: () => this.token,
      guestOf: () => this.guestOf,
      forgetToken: () => {
        this.token = null;
      },
      keepCredentials: (credentials) => {
        this.credentials = credentials;
      },
      forgetCredentials: () => {
        this.credentials = null;
      },
    },
    {
      event: (event, answers, about) => {
        this.events.push([event.type, answers]);
        if (about !== null) this.about.push(about);
        if (event.type === "welcome") this.onWelcome();
      },
      connected: (up) => this.up.push(up),
      signedOut: () => {
        this.signedOut++;
      },
      sessionLost: () => {
        this.lost++;
        if (this.onLost) this.socket.send(this.onLost);
      },
    },
  );

  get last(): FakeWebSocket {
    const websocket = this.websockets.at(-1);
    if (websocket === undefined) throw new Error("no websocket was opened");
    return websocket;
  }

  async open(): Promise<FakeWebSocket> {
    await vi.advanceTimersByTimeAsync(0);
    this.last.onopen?.();
    return this.last;
  }

  welcome(more: Partial<Extract<Event, { type: "welcome" }>> = {}): void {
    this.last.receive({
      type: "welcome",
      protocol: 1,
      session_id: "s1",
      resume_secret: "resume",
      resumed: false,
      last_ref: 0,
      user_id: "u",
      name: "",
      ring_timeout_s: 45,
      ice_servers: [],
      boot_id: "one",
      missed: 0,
      ...more,
    });
  }

  async start(): Promise<FakeWebSocket> {
    this.socket.start();
    const websocket = await this.open();
    this.welcome();
    return websocket;
  }

  /** Drops the websocket and opens the next one after the back-off. */
  async drop(code = 1006): Promise<FakeWebSocket> {
    this.last.onclose?.({ code });
    await vi.advanceTimersByTimeAsync(10_000);
    return this.open();
  }
}

const HANG_UP: Command = { type: "hang_up", call_id: "c" };
const ringing = (seq: number) => ({ seq, type: "answered_elsewhere", call_id: "c" });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("a command for the next session", () => {
  it("goes out once, although it is given while the old session's end is told", async () => {
    const world = new World();
    await world.start();
    world.onLost = HANG_UP;
    const websocket = await world.drop();
    world.welcome({ session_id: "s2", resumed: false });
    expect(websocket.types()).toEqual(["hello", "hang_up"]);
  });

  it("waits for the welcome of a page that has just been opened", async () => {
    const world = new World();
    world.socket.start();
    world.socket.send(HANG_UP);
    const websocket = await world.open();
    expect(websocket.types()).toEqual(["hello"]);
    world.welcome();
    expect(websocket.types()).toEqual(["hello", "hang_up"]);
  });
});

describe("a command of a reloaded page before its welcome", () => {
  it("goes out with a number that the session has not had", async () => {
    const world = new World();
    world.stored = { session_id: "s1", secret: "r", seq: 4 };
    world.socket.start();
    world.socket.send(HANG_UP);
    const websocket = await world.open();
    world.welcome({ resumed: true, last_ref: 23 });
    expect(websocket.sent.at(-1)).toEqual({ ref: 24, ...HANG_UP });
    websocket.receive({ ref: 24, seq: 5, type: "call_ended", call_id: "c", reason: "hung_up", duration_ms: 0 });
    expect(world.events.at(-1)).toEqual(["call_ended", "hang_up"]);
  });
});

describe("hello", () => {
  it("says who this is and releases the first-visit lock at the welcome", async () => {
    const world = new World();
    const websocket = await world.start();
    expect(websocket.sent[0]).toEqual({
      ref: 0,
      type: "hello",
      protocol: 1,
      user: { user_id: "u", secret: "user-secret" },
      name: null,
      token: null,
      guest_of: null,
      resume: null,
    });
    expect(world.released).toBeGreaterThan(0);
    expect(world.up).toEqual([true]);
  });

  it("keeps the user that was made for it", async () => {
    const world = new World();
    world.credentials = null;
    world.socket.start();
    await world.open();
    world.welcome({ user_id: "new", secret: "made" });
    expect(world.credentials).toEqual({ user_id: "new", secret: "made" });
  });

  it("starts as a new user when the server does not know this one", async () => {
    const world = new World();
    world.socket.start();
    await world.open();
    world.last.receive({ type: "error", ref: 0, code: "not_signed_in", message: "" });
    await vi.advanceTimersByTimeAsync(1000);
    const next = await world.open();
    expect(next.sent[0]).toMatchObject({ type: "hello", user: null, resume: null });
  });

  it("shows a token in place of the user, and gives up when that is refused", async () => {
    const world = new World();
    world.token = "a.b.c";
    world.stored = { session_id: "s1", secret: "resume", seq: 7 };
    world.socket.start();
    const websocket = await world.open();
    expect(websocket.sent[0]).toMatchObject({ token: "a.b.c", user: null, resume: { session_id: "s1" } });
    world.last.receive({ type: "error", ref: 0, code: "not_signed_in", message: "" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.websockets.length).toBe(1);
    expect([world.signedOut, world.lost, world.token, world.stored]).toEqual([1, 1, null, null]);
    expect(world.credentials).not.toBeNull();
  });

  it("asks a server that wants a token only once without one", async () => {
    const world = new World();
    world.credentials = null;
    world.socket.start();
    await world.open();
    world.last.receive({ type: "error", ref: 0, code: "not_signed_in", message: "" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([world.websockets.length, world.signedOut]).toEqual([1, 1]);
  });

  it("comes without its token to a server that takes none", async () => {
    const world = new World();
    world.token = "a.b.c";
    world.socket.start();
    await world.open();
    world.last.receive({ type: "error", ref: 0, code: "not_allowed", message: "" });
    await vi.advanceTimersByTimeAsync(1000);
    const next = await world.open();
    expect(next.sent[0]).toMatchObject({ token: null, user: { user_id: "u" } });
  });

  it("sends what was said before the welcome after it", async () => {
    const world = new World();
    world.socket.send(HANG_UP);
    expect((await world.start()).types()).toEqual(["hello", "hang_up"]);
  });

  it("goes on with the session of the page before a reload", async () => {
    const world = new World();
    world.stored = { session_id: "s1", secret: "resume", seq: 7 };
    world.socket.start();
    const websocket = await world.open();
    expect(websocket.sent[0]).toMatchObject({ resume: { session_id: "s1", secret: "resume", seq: 7 } });
    world.welcome({ resumed: true, last_ref: 30 });
    world.socket.send(HANG_UP);
    expect(websocket.sent.at(-1)).toMatchObject({ ref: 31 });
    expect(world.lost).toBe(0);
  });
});

describe("resume", () => {
  it("asks with the last event seen, sends again what was not taken, drops what came twice", async () => {
    const world = new World();
    const first = await world.start();
    first.receive(ringing(1));
    first.receive(ringing(2));
    world.socket.send({ type: "cancel", call_id: "c" });
    world.socket.send(HANG_UP);
    const second = await world.drop();
    expect(second.sent[0]).toMatchObject({ resume: { session_id: "s1", secret: "resume", seq: 2 } });
    world.welcome({ resumed: true, last_ref: 1 });
    second.receive(ringing(2));
    second.receive(ringing(3));
    expect(second.types()).toEqual(["hello", "hang_up"]);
    expect(second.sent[1]).toMatchObject({ ref: 2 });
    expect(world.events.filter(([type]) => type === "answered_elsewhere")).toHaveLength(3);
  });

  it("counts the websockets that ask for a session, over a reload too", async () => {
    const world = new World();
    await world.start();
    for (const tries of [1, 2]) {
      const websocket = await world.drop();
      expect(websocket.sent[0]).toMatchObject({ resume: { tries } });
    }
    world.welcome({ resumed: true });
    expect(world.stored).toMatchObject({ session_id: "s1", tries: 2 });
    expect((await world.drop()).sent[0]).toMatchObject({ resume: { tries: 3 } });
    world.welcome({ session_id: "s2" });
    expect((await world.drop()).sent[0]).toMatchObject({ resume: { session_id: "s2", tries: 1 } });
  });

  it("keeps commands that are given while it is down", async () => {
    const world = new World();
    await world.start();
    world.last.onclose?.({ code: 1006 });
    world.socket.send(HANG_UP);
    await vi.advanceTimersByTimeAsync(10_000);
    const second = await world.open();
    world.welcome({ resumed: true });
    expect(second.types()).toEqual(["hello", "hang_up"]);
  });

  it("drops commands and says so when the session is a new one", async () => {
    const world = new World();
    await world.start();
    world.last.onclose?.({ code: 1006 });
    world.socket.send(HANG_UP);
    await vi.advanceTimersByTimeAsync(10_000);
    const second = await world.open();
    world.welcome({ session_id: "s2" });
    expect(world.lost).toBe(1);
    expect(second.types()).toEqual(["hello"]);
  });

  it("writes what the welcome itself leads to after what had waited", async () => {
    const world = new World();
    await world.start();
    world.last.onclose?.({ code: 1006 });
    world.socket.send({ type: "cancel", call_id: "c" });
    world.onWelcome = () => world.socket.send(HANG_UP);
    await vi.advanceTimersByTimeAsync(10_000);
    const second = await world.open();
    world.welcome({ resumed: true });
    expect(second.sent.map((frame) => [frame.type, frame.ref])).toEqual([
      ["hello", 0],
      ["cancel", 1],
      ["hang_up", 2],
    ]);
  });

  it("sends again to a server that was started again only what still means something, and goes on counting", async () => {
    const world = new World();
    const first = await world.start();
    first.receive(ringing(1));
    world.socket.send({ type: "set_name", name: "Ada" });
    first.receive({ seq: 2, ref: 1, type: "name_changed", name: "Ada" });
    world.socket.send({ type: "publish", room_id: "r", sources: [] });
    world.socket.send(HANG_UP);
    const second = await world.drop();
    world.welcome({ resumed: true, last_ref: 0, boot_id: "two" });
    expect(second.sent.slice(1)).toEqual([{ ref: 3, ...HANG_UP }]);
    second.receive(ringing(3));
    expect(world.stored?.seq).toBe(3);
  });

  it("does not fight for a session that another tab took over", async () => {
    const world = new World();
    await world.start();
    const second = await world.drop(4001);
    expect(world.lost).toBe(1);
    expect(second.sent[0]).toMatchObject({ resume: null });
  });
});

describe("in a call", () => {
  it("is heard every second, and finds out in 3 s that nobody answers", async () => {
    const world = new World();
    const websocket = await world.start();
    world.socket.setInCall(true);
    await vi.advanceTimersByTimeAsync(3000);
    expect(websocket.types()).toEqual(["hello", "ping", "ping", "ping"]);
    websocket.receive({ type: "pong", ref: 3 });
    await vi.advanceTimersByTimeAsync(3500);
    expect(websocket.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect(websocket.closed).toBe(true);
  });

  it("reconnects at once, and then soon", async () => {
    const world = new World();
    await world.start();
    world.socket.setInCall(true);
    for (const wait of [0, 125, 250, 500, 500, 500]) {
      const before = world.websockets.length;
      world.last.onclose?.({ code: 1006 });
      await vi.advanceTimersByTimeAsync(Math.max(0, wait - 1));
      if (wait > 0) expect(world.websockets.length).toBe(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(world.websockets.length).toBe(before + 1);
    }
  });
});

describe("heartbeat and back-off", () => {
  it("reconnects when a ping is not answered in time", async () => {
    const world = new World();
    const websocket = await world.start();
    await vi.advanceTimersByTimeAsync(24_900);
    expect(websocket.types()).toEqual(["hello"]);
    await vi.advanceTimersByTimeAsync(100);
    expect(websocket.types()).toEqual(["hello", "ping"]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(websocket.closed).toBe(true);
    expect(world.up).toEqual([true, false]);
  });

  it("stays while pings are answered, and forgets what the server has taken", async () => {
    const world = new World();
    const websocket = await world.start();
    world.socket.send(HANG_UP);
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(25_000);
      websocket.receive({ type: "pong", ref: websocket.sent.at(-1)?.ref });
    }
    expect(websocket.closed).toBe(false);
    const second = await world.drop();
    world.welcome({ resumed: true });
    expect(second.types()).toEqual(["hello"]);
  });

  it("tells which command an answer belongs to", async () => {
    const world = new World();
    const websocket = await world.start();
    world.socket.send(HANG_UP);
    websocket.receive({ seq: 1, ref: 1, type: "error", code: "not_allowed", message: "" });
    expect(world.events.at(-1)).toEqual(["error", "hang_up"]);
  });

  it("tells which message an answer is about", async () => {
    const world = new World();
    const websocket = await world.start();
    for (const message_id of ["a", "b"]) world.socket.send({ type: "say", room_id: "r", message_id, text: "hello" });
    websocket.receive({ seq: 1, ref: 2, type: "error", code: "rate_limited", message: "" });
    websocket.receive({ seq: 2, ref: 1, type: "error", code: "not_saved", message: "" });
    websocket.receive(ringing(3));
    expect(world.about).toEqual(["b", "a"]);
  });

  it("tries at once when the network is back", async () => {
    const world = new World();
    await world.start();
    world.last.onclose?.({ code: 1006 });
    world.socket.reconnectNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(world.websockets).toHaveLength(2);
  });

  it("is closed while the page is kept without being shown, and opened when it is shown again", async () => {
    const world = new World();
    const websocket = await world.start();
    world.socket.sleep();
    expect(websocket.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(world.websockets).toHaveLength(1);
    world.socket.reconnectNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(world.websockets).toHaveLength(2);
  });

  it("tests a websocket that looks open when the network is back", async () => {
    const world = new World();
    const websocket = await world.start();
    // Not even a ping that is under way is waited for.
    await vi.advanceTimersByTimeAsync(25_000);
    world.socket.reconnectNow();
    await vi.advanceTimersByTimeAsync(1400);
    expect(websocket.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    expect(websocket.closed).toBe(true);
  });

  it("passes on what a pong renews", async () => {
    const world = new World();
    const websocket = await world.start();
    await vi.advanceTimersByTimeAsync(25_000);
    websocket.receive({ type: "pong", ref: 1 });
    expect(world.events).toHaveLength(1);
    websocket.receive({ type: "pong", ref: 1, ice_servers: [] });
    expect(world.events.at(-1)).toEqual(["pong", "ping"]);
  });

  it.each([
    [0, 0.999, 499],
    [1, 0.5, 500],
    [3, 0.5, 2000],
    [10, 0.5, 5000],
    [1000, 0, 0],
  ])("waits after %i failures with random %f: %i ms", (failures, random, wait) => {
    expect(backoffMs(failures, random)).toBe(wait);
  });
});
