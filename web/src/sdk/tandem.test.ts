import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Call } from "./call";
import { WELCOME } from "./core/fixtures";
import type { CommandFrame, Event } from "./protocol";
import { Tandem, type TandemOptions } from "./tandem";

vi.mock("./media/call", () => ({
  CallMedia: class {
    constructor(readonly roomId: string) {}
    join() {}
    close() {}
    setTracks() {}
    setUnseen() {}
    setIceServers() {}
    setServerIsThere() {}
    setOthers() {}
    handle() {}
    tell() {}
    shown() {
      return null;
    }
  },
}));

/** The server's end of a websocket: what it is sent, and what it says. */
class FakeSocket {
  static last: FakeSocket;
  readonly sent: CommandFrame[] = [];
  onopen = () => {};
  onmessage = (_: { data: string }) => {};
  onclose = (_: { code: number }) => {};
  onerror = () => {};

  constructor(readonly url: string) {
    FakeSocket.last = this;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {}

  says(event: Event, answers?: CommandFrame["type"]): void {
    const ref = this.sent.findLast(({ type }) => type === answers)?.ref;
    this.onmessage({ data: JSON.stringify({ ...event, ...(ref !== undefined && { ref }) }) });
  }

  get types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

const BERTA = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const room = { room_id: "r", name: "", locked: false, lobby: false };
const berta = { participant_id: "p", user: BERTA, sources: ["camera" as const], reconnecting: false, host: false };
const inRoom = { participant_id: "me", participants: [berta], direct: false, polite: false, room, host: true };
const ringing: Event = { type: "call_ringing", call_id: "c", room_id: "r", user: BERTA };
const incoming: Event = { type: "incoming_call", call_id: "c", room_id: "r", user: BERTA };
const answered: Event = { type: "call_answered", call_id: "c", room_id: "r", ...inRoom };
const ended = (reason: "hung_up" | "unreachable" | "cancelled"): Event => ({
  type: "call_ended",
  call_id: "c",
  reason,
  duration_ms: 5,
});
const LINK = "0stand1ngr00m";

const flush = () => new Promise((resolve) => setTimeout(resolve, 0));

function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
}

let fetched: string[];

beforeEach(() => {
  fetched = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("location", { origin: "https://shop.example.org" });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("reportError", (error: unknown) => {
    throw error;
  });
  vi.stubGlobal("localStorage", storage());
  vi.stubGlobal("sessionStorage", storage());
  vi.stubGlobal("fetch", async (url: string) => {
    fetched.push(url);
    return { status: 403, text: async () => "the operator lists it in server.allowed_origins.\n" };
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

async function connected(options: Partial<TandemOptions> = {}) {
  const tandem = new Tandem({ server: "https://calls.example.org", ...options });
  const connecting = tandem.connect();
  await flush();
  const server = FakeSocket.last;
  server.onopen();
  server.says({ ...WELCOME, secret: "s" });
  await connecting;
  return { tandem, server };
}

describe("connecting", () => {
  it("says hello to the server, and is whoever that says", async () => {
    const { tandem, server } = await connected();
    expect(server.url).toBe("wss://calls.example.org/ws");
    expect([tandem.userId, tandem.name, tandem.connection, tandem.room]).toEqual([WELCOME.user_id, "Hans", "up", null]);
    expect(localStorage.getItem("tandem.user.calls.example.org")).toContain(WELCOME.user_id);
  });

  it("tells an origin that is refused which key to set, and tries no more", async () => {
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const tandem = new Tandem({ server: "https://calls.example.org" });
    const connecting = tandem.connect();
    await flush();
    FakeSocket.last.onerror();
    await expect(connecting).rejects.toMatchObject({ code: "origin_not_allowed" });
    await expect(connecting).rejects.toThrow(/https:\/\/shop\.example\.org.*server\.allowed_origins/);
    expect(said.mock.calls.flat().join()).toContain("server.allowed_origins");
    expect(fetched).toEqual(["https://calls.example.org/ws"]);
  });

  it("gives up on a server that does not answer", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    const tandem = new Tandem({ server: "https://calls.example.org", connectWithinMs: 30 });
    const connecting = tandem.connect();
    await flush();
    FakeSocket.last.onerror();
    await expect(connecting).rejects.toMatchObject({ code: "unreachable_server" });
  });

  it("gets another token when the last one is taken no more", async () => {
    const tokens = ["first", "second"];
    const { tandem, server } = await connected({ token: () => tokens.shift() ?? "none" });
    expect(server.sent[0]).toMatchObject({ type: "hello", token: "first", user: null });
    server.onclose({ code: 1006 });
    await vi.waitFor(() => expect(FakeSocket.last).not.toBe(server));
    const refuses = FakeSocket.last;
    refuses.onopen();
    refuses.says({ type: "error", code: "not_signed_in", message: "expired" }, "hello");
    await vi.waitFor(() => expect(FakeSocket.last).not.toBe(refuses));
    FakeSocket.last.onopen();
    expect(FakeSocket.last.sent[0]).toMatchObject({ type: "hello", token: "second" });
    FakeSocket.last.says({ ...WELCOME, user_id: "an0t-her0-0000" });
    expect(tandem.userId).toBe("an0t-her0-0000");
  });

  it("without a good token says so", async () => {
    const tandem = new Tandem({ server: "https://calls.example.org", token: "bad" });
    const connecting = tandem.connect();
    await flush();
    FakeSocket.last.onopen();
    FakeSocket.last.says({ type: "error", code: "not_signed_in", message: "no" }, "hello");
    await expect(connecting).rejects.toMatchObject({ code: "signed_out" });
  });
});

describe("calls", () => {
  it("one that is made resolves when it rings, and is a room when it is answered", async () => {
    const { tandem, server } = await connected();
    const calling = tandem.call("B3RTA8XN4M2Q", { camera: false });
    server.says(ringing, "call");
    const call = await calling;
    const heard: unknown[] = [];
    call.on("answered", () => heard.push("answered"));
    call.on("ended", (how) => heard.push(how));
    expect([call.state, call.direction, call.user]).toEqual([
      "ringing",
      "outgoing",
      { id: BERTA.user_id, name: "Berta" },
    ]);
    expect(() => call.chat.messages).toThrow("not begun");
    server.says(answered);
    await flush();
    expect([call.state, call.id, call.participants.map(({ name }) => name)]).toEqual(["open", "r", ["Berta"]]);
    server.says(ended("hung_up"));
    await flush();
    expect(heard).toEqual(["answered", { reason: "hung_up", byMe: false, durationMs: 5 }]);
    expect(tandem.room).toBeNull();
    await expect(call.setCamera(true)).rejects.toMatchObject({ code: "not_in_call" });
  });

  it("one that does not ring rejects with the reason", async () => {
    const { tandem, server } = await connected();
    const calling = tandem.call(BERTA.user_id);
    server.says(ended("unreachable"), "call");
    await expect(calling).rejects.toMatchObject({ code: "unreachable" });
    const refused = tandem.call(BERTA.user_id);
    server.says({ type: "error", code: "rate_limited", message: "slower" }, "call");
    await expect(refused).rejects.toMatchObject({ code: "rate_limited" });
    expect(tandem.room).toBeNull();
  });

  it("one that comes rings, and is answered, declined or taken back", async () => {
    const { tandem, server } = await connected();
    const calls: Call[] = [];
    tandem.on("incoming", (call) => calls.push(call));
    server.says(incoming);
    await flush();
    const answering = calls[0]?.answer({ microphone: false });
    expect(server.types.at(-1)).toBe("accept");
    server.says(answered);
    await answering;
    calls[0]?.hangUp();
    expect(server.types.at(-1)).toBe("hang_up");
    server.says({ ...incoming, call_id: "d" } as Event);
    await flush();
    calls[1]?.decline();
    expect(server.types.at(-1)).toBe("decline");
    expect(calls[1]?.ended).toMatchObject({ reason: "declined", byMe: true });
    server.says({ ...incoming, call_id: "c" } as Event);
    await flush();
    const late = calls[2]?.answer();
    server.says(ended("cancelled"));
    await expect(late).rejects.toMatchObject({ code: "cancelled" });
  });

  it("goes on after the page was loaded again", async () => {
    const tandem = new Tandem({ server: "https://calls.example.org" });
    const resumed: unknown[] = [];
    tandem.on("resumed", (room) => resumed.push(room));
    sessionStorage.setItem(
      "tandem.session.calls.example.org",
      JSON.stringify({ session_id: "s", secret: "r", seq: 3 }),
    );
    const connecting = tandem.connect();
    await flush();
    FakeSocket.last.onopen();
    const now = { ...inRoom, attempt: 1, generation: 0, elapsed_ms: 10, invitations: [] };
    const call = { state: "answered" as const, call_id: "c", room_id: "r", user: BERTA, outgoing: true, ...now };
    FakeSocket.last.says({ ...WELCOME, resumed: true, call });
    await connecting;
    await flush();
    expect(resumed).toEqual([tandem.room]);
    expect(tandem.room).toBeInstanceOf(Call);
    expect(tandem.room?.state).toBe("open");
  });

  it("what makes no sense is refused with what would", async () => {
    const { tandem, server } = await connected();
    await expect(tandem.call("nonsense")).rejects.toMatchObject({ code: "bad_user_id" });
    await expect(tandem.join("nonsense")).rejects.toMatchObject({ code: "bad_link" });
    const calling = tandem.call(BERTA.user_id);
    server.says(ringing, "call");
    await calling;
    await expect(tandem.call(BERTA.user_id)).rejects.toMatchObject({ code: "in_call" });
    await expect(tandem.join(LINK)).rejects.toMatchObject({ code: "in_call" });
    const unconnected = new Tandem({ server: "https://calls.example.org" });
    await expect(unconnected.call(BERTA.user_id)).rejects.toMatchObject({ code: "not_connected" });
  });
});

describe("rooms", () => {
  it("lets in, and what is written is told when the server has kept it", async () => {
    const { tandem, server } = await connected();
    const joining = tandem.join(`https://calls.example.org/r/${LINK}`, { passphrase: "open sesame" });
    expect(server.sent.at(-1)).toMatchObject({ type: "join", link_id: LINK, passphrase: "open sesame" });
    server.says({ type: "room_joined", ...inRoom }, "join");
    const joined = await joining;
    const heard: string[] = [];
    joined.on("message", ({ text }) => heard.push(text));
    const saying = joined.chat.send("hello");
    const said = server.sent.findLast(({ type }) => type === "say");
    const message_id = said?.type === "say" ? said.message_id : "";
    const user = { user_id: WELCOME.user_id, name: "Hans" };
    const message = {
      number: 1,
      message_id,
      user,
      participant_id: "me",
      at_ms: 0,
      text: "hello",
      edited: false,
      deleted: false,
    };
    server.says({ type: "message", room_id: "r", message });
    expect((await saying).number).toBe(1);
    expect(heard).toEqual(["hello"]);
    const unkept = joined.chat.send("again");
    server.says({ type: "error", code: "not_saved", message: "the disk is full" }, "say");
    await expect(unkept).rejects.toMatchObject({ code: "not_saved" });
    joined.leave();
    expect(server.types.at(-1)).toBe("leave");
    expect(joined.ended).toMatchObject({ reason: "left", byMe: true });
  });

  it("refuses, and the next try may begin", async () => {
    const { tandem, server } = await connected();
    const joining = tandem.join(LINK);
    server.says({ type: "error", code: "passphrase_needed", message: "no" }, "join");
    await expect(joining).rejects.toMatchObject({ code: "passphrase_needed" });
    expect(tandem.room).toBeNull();
    const again = tandem.join(LINK, { passphrase: "open sesame" });
    server.says({ type: "lobby_entered", room, participant_id: "me" }, "join");
    await flush();
    expect(tandem.room?.state).toBe("lobby");
    tandem.room?.leave();
    await expect(again).rejects.toMatchObject({ code: "left" });
  });
});
