import { describe, expect, it } from "vitest";
import type { CallNow, EndReason, Path, PathProtocol, PathReason } from "../protocol";
import { event, WELCOME, welcome } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Effect, type Input, initialState, mayCall, maySend, NO_DEVICES } from "./state";

const ME = WELCOME.user_id;
const BERTA = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const participant = { participant_id: "p", user: BERTA, sources: [], reconnecting: false, host: false };
const room = { room_id: "r", name: "", locked: false, lobby: false };

const callRinging = event({ type: "call_ringing", call_id: "c", room_id: "r", user: BERTA });
const incomingCall = event({ type: "incoming_call", call_id: "c", room_id: "r", user: BERTA });
const callAnswered = (call_id = "c", direct = true, participants = [participant]): Input =>
  event({
    type: "call_answered",
    call_id,
    room_id: "r",
    participant_id: "me",
    participants,
    direct,
    polite: false,
    room,
    host: true,
  });
const callEnded = (reason: EndReason, duration_ms = 0, call_id = "c"): Input =>
  event({ type: "call_ended", call_id, reason, duration_ms });
const devicesOpened: Input = { kind: "devices_opened", microphone: true, camera: true, problems: [] };
const shownOn = (path: Path, reason: PathReason = "first_media"): Input => ({ kind: "path_shown", path, reason });
const call: Input = { kind: "call", userId: BERTA.user_id };

/** Feeds inputs one second apart; gives the last state and all effects. */
function run(...inputs: Input[]): { state: AppState; effects: Effect[]; sent: string[] } {
  let state = initialState(null, false);
  const effects: Effect[] = [];
  [welcome(), ...inputs].forEach((input, second) => {
    const step = reduce(state, input, second * 1000);
    state = step.state;
    effects.push(...step.effects);
  });
  const sent = effects.flatMap((effect) => (effect.kind === "send" ? [effect.command.type] : []));
  return { state, effects, sent };
}

describe("what is on from the start", () => {
  const wish = { microphone: false, camera: false };
  const opened: Input = { kind: "devices_opened", microphone: true, camera: null, problems: [] };

  it.each<[string, Input[]]>([
    ["of a call that is made", [{ ...call, ...wish } as Input, opened, callRinging, callAnswered()]],
    ["of a call that is answered", [incomingCall, { kind: "answer", ...wish }, opened, callAnswered()]],
  ])("%s is what was wished", (_, inputs) => {
    const { state, effects } = run(...inputs);
    expect(effects).toContainEqual({ kind: "open_devices", microphone: true, camera: false });
    expect(effects).toContainEqual({ kind: "set_microphone", on: false });
    expect(state.devices).toMatchObject({ microphone: "off", camera: "off" });
    expect(effects).toContainEqual({ kind: "send", command: { type: "publish", room_id: "r", sources: [] } });
  });

  it("is everything where nothing was wished, also after a call that began muted", () => {
    const { state } = run(
      { ...call, ...wish } as Input,
      opened,
      callRinging,
      callEnded("declined"),
      call,
      devicesOpened,
    );
    expect(state.devices).toMatchObject({ microphone: "on", camera: "on" });
  });
});

describe("every outcome of a call", () => {
  const talk = [call, devicesOpened, callRinging, callAnswered()];
  const rows: [string, Input[], object, string[]][] = [
    ["I hang up", [...talk, { kind: "hang_up" }], { reason: "hung_up", byMe: true }, ["call", "publish", "hang_up"]],
    [
      "the other hangs up",
      [...talk, callEnded("hung_up", 900)],
      { reason: "hung_up", byMe: false, durationMs: 900 },
      ["call", "publish"],
    ],
    ["the other declines", [call, callRinging, callEnded("declined")], { reason: "declined", byMe: false }, ["call"]],
    ["I cancel", [call, callRinging, { kind: "cancel" }], { reason: "cancelled", byMe: true }, ["call", "cancel"]],
    ["nobody answers", [call, callRinging, callEnded("no_answer")], { reason: "no_answer" }, ["call"]],
    ["the other is busy, without ringing", [call, callEnded("busy")], { reason: "busy", callId: "c" }, ["call"]],
    ["the other cannot be reached", [call, callEnded("unreachable")], { reason: "unreachable" }, ["call"]],
    [
      "I decline",
      [incomingCall, { kind: "decline" }],
      { reason: "declined", direction: "incoming", byMe: true },
      ["decline"],
    ],
    ["the caller takes it back", [incomingCall, callEnded("cancelled")], { reason: "cancelled", byMe: false }, []],
    ["I miss it", [incomingCall, callEnded("no_answer")], { reason: "no_answer", direction: "incoming" }, []],
    [
      "another tab answers",
      [incomingCall, event({ type: "answered_elsewhere", call_id: "c" })],
      { reason: "answered_elsewhere" },
      [],
    ],
    [
      "the connection of the other is lost",
      [...talk, callEnded("connection_lost")],
      { reason: "connection_lost" },
      ["call", "publish"],
    ],
    [
      "the session is lost while it rings",
      [call, callRinging, { kind: "session_lost" }],
      { reason: "connection_lost" },
      ["call"],
    ],
  ];

  it.each(rows)("%s", (_, inputs, expected, commands) => {
    const { state, effects, sent } = run(...inputs);
    expect(state.phase).toMatchObject({ kind: "ended", ...expected });
    expect(sent).toEqual(commands);
    // The camera light goes out and the ringing stops, however it ended.
    expect(effects).toContainEqual({ kind: "stop_media", farewell: sent.includes("hang_up") });
    expect(effects.filter((effect) => effect.kind === "ring").at(-1)).toMatchObject({ tone: null });
    expect(state.devices).toEqual(NO_DEVICES);
  });
});

describe("calling", () => {
  it("asks for the devices at the click and warms the media when it rings", () => {
    const { effects } = run(call, callRinging);
    expect(effects.map((effect) => effect.kind)).toEqual(["open_devices", "send", "ring", "warm_media"]);
  });

  it("takes a call that was crossed by one of the other as answered", () => {
    const { state, effects } = run(call, devicesOpened, callAnswered("theirs"));
    expect(state.phase).toMatchObject({ kind: "in_call", callId: "theirs", direction: "outgoing" });
    expect(effects.some((effect) => effect.kind === "join_media")).toBe(true);
  });

  it("stays with its own call when the crossing one is announced first", () => {
    const { state } = run(call, incomingCall, callAnswered());
    expect(state.phase).toMatchObject({ kind: "in_call", callId: "c" });
  });

  it("may call the own id, which rings the other tabs", () => {
    expect(run({ kind: "call", userId: ME }).sent).toEqual(["call"]);
  });

  it("takes back a call that was cancelled before the server had named it", () => {
    const { state, sent } = run(call, { kind: "cancel" }, callRinging);
    expect(state).toMatchObject({ abandoned: 0, phase: { kind: "ended", reason: "cancelled" } });
    expect(sent).toEqual(["call", "cancel"]);
  });

  it("keeps the next call apart from the one taken back before", () => {
    const again: Input = { kind: "call_again" };
    const second = event({ type: "call_ringing", call_id: "c2", room_id: "r2", user: BERTA });
    const { state, sent } = run(call, { kind: "cancel" }, again, callRinging, callEnded("cancelled"), second);
    expect(sent).toEqual(["call", "call", "cancel"]);
    expect(state.phase).toMatchObject({ kind: "calling", callId: "c2" });
  });

  it("hangs up when the answer crossed the cancelling", () => {
    expect(run(call, callRinging, { kind: "cancel" }, callAnswered()).sent).toEqual(["call", "cancel", "hang_up"]);
  });

  it("calls again at once after any end", () => {
    const { state } = run(call, callRinging, callEnded("declined"), { kind: "call_again" });
    expect(state.phase).toMatchObject({ kind: "calling", userId: BERTA.user_id, user: BERTA, callId: null });
    expect(state.devices.camera).toBe("opening");
  });

  it("knows who rang among all who are in the room already", () => {
    const cleo = { ...participant, participant_id: "q", user: { user_id: "c1e0-a8xn-4m2q", name: "Cleo" } };
    const named = { ...participant, user: { ...BERTA, name: "Berta N." } };
    const { state } = run(
      incomingCall,
      { kind: "answer" },
      callAnswered("c", false, [cleo, named]),
      callEnded("hung_up"),
    );
    expect(state.phase).toMatchObject({ kind: "ended", user: named.user });
  });

  it("calls again with what is wished for the next call", () => {
    const again: Input = { kind: "call_again", camera: false };
    expect(run(call, callRinging, callEnded("declined"), again).state.devices.camera).toBe("off");
  });

  it("says why a call was refused", () => {
    const { state } = run(call, event({ type: "error", code: "rate_limited", message: "" }, "call"));
    expect(state).toMatchObject({ refused: "rate_limited", phase: { kind: "home" } });
  });

  it("keeps quiet about a refused hang-up of a call that is over", () => {
    const { state } = run(event({ type: "error", code: "not_allowed", message: "" }, "hang_up"));
    expect(state.refused).toBeNull();
  });
});

describe("being called", () => {
  it("opens no device before the answer", () => {
    expect(run(incomingCall).effects.some((effect) => effect.kind === "open_devices")).toBe(false);
    expect(run(incomingCall, { kind: "answer" }).effects.some((effect) => effect.kind === "open_devices")).toBe(true);
  });

  it("accepts once, however often the button is pressed", () => {
    expect(run(incomingCall, { kind: "answer" }, { kind: "answer" }).sent).toEqual(["accept"]);
  });

  it("counts the setup from the click on the answer", () => {
    const { effects } = run(incomingCall, { kind: "answer" }, callAnswered());
    expect(effects.find((effect) => effect.kind === "join_media")).toMatchObject({ answeredAt: 2000 });
  });

  it("rings over the page of an ended call", () => {
    const other = event({ type: "incoming_call", call_id: "c2", room_id: "r2", user: BERTA });
    expect(run(call, callEnded("busy"), other).state.phase).toMatchObject({ kind: "incoming", callId: "c2" });
  });
});

describe("devices", () => {
  const talk = [call, callRinging, callAnswered()];
  const published = (effects: Effect[]) =>
    effects.flatMap((effect) =>
      effect.kind === "send" && effect.command.type === "publish" ? [effect.command.sources] : [],
    );

  it("publishes what is on whenever that changes", () => {
    const { effects } = run(...talk, devicesOpened, { kind: "toggle_microphone" }, { kind: "toggle_camera" });
    expect(published(effects)).toEqual([[], ["microphone", "camera"], ["camera"], []]);
    expect(effects).toContainEqual({ kind: "close_camera" });
  });

  it("opens the camera again when it is switched on", () => {
    const { effects } = run(...talk, devicesOpened, { kind: "toggle_camera" }, { kind: "toggle_camera" });
    expect(effects.at(-1)).toEqual({ kind: "open_devices", microphone: false, camera: true });
  });

  it("goes on without a camera and says so", () => {
    const { state, effects } = run(...talk, {
      kind: "devices_opened",
      microphone: true,
      camera: false,
      problems: ["camera_denied"],
    });
    expect(state).toMatchObject({ phase: { kind: "in_call" }, devices: { problems: ["camera_denied"] } });
    expect(published(effects)).toEqual([[], ["microphone"]]);
  });

  it("tries only what is missing again", () => {
    const { effects } = run(
      ...talk,
      { kind: "devices_opened", microphone: true, camera: false, problems: ["camera_in_use"] },
      { kind: "retry_devices" },
    );
    expect(effects.at(-1)).toEqual({ kind: "open_devices", microphone: false, camera: true });
  });

  it("says so when a device is unplugged", () => {
    const { state } = run(...talk, devicesOpened, { kind: "device_lost", device: "camera" });
    expect(state.devices).toMatchObject({ camera: "none", microphone: "on", problems: ["camera_missing"] });
  });
});

describe("what is known of the path", () => {
  const talk = [call, devicesOpened, callRinging];
  const changed = (path: Path, protocol: PathProtocol): Input =>
    event({ type: "path_changed", room_id: "r", participant_id: "p", path, reason: "first_media", protocol });

  it("keeps the reason of the last switch", () => {
    const { state } = run(...talk, callAnswered(), shownOn("direct"), shownOn("forwarded", "loss"));
    expect(state.phase).toMatchObject({ path: "forwarded", reason: "loss" });
  });

  it("keeps what carries the other's forwarded path, and nothing of its direct one", () => {
    const narrow = run(...talk, callAnswered(), changed("forwarded", "tls"));
    expect(narrow.state.phase).toMatchObject({ otherProtocol: "tls" });
    expect(narrow.effects.at(-1)).toMatchObject({ kind: "media_event", event: { type: "path_changed" } });
    const direct = run(...talk, callAnswered(), changed("forwarded", "tls"), changed("direct", "udp"));
    expect(direct.state.phase).toMatchObject({ otherProtocol: null });
  });

  it("knows who asked for the way through the server", () => {
    const mine = run({ kind: "set_always_through_server", on: true }, ...talk, callAnswered("c", false));
    expect(mine.state.phase).toMatchObject({ throughServer: "mine" });
    expect(run(...talk, callAnswered("c", false)).state.phase).toMatchObject({ throughServer: "theirs" });
    expect(run(...talk, callAnswered()).state.phase).toMatchObject({ throughServer: null });
  });

  it("draws nothing again for measures that have not changed", () => {
    const direct = { outcome: "trying", here: "unknown", there: "unknown" } as const;
    const measured: Input = { kind: "path_measured", measures: { roundTripMs: 12, protocol: "udp", direct } };
    const { state } = run(...talk, callAnswered(), measured);
    expect(state.phase).toMatchObject({ roundTripMs: 12, protocol: "udp", direct });
    const again = { ...measured, measures: { ...measured.measures, direct: { ...direct } } };
    expect(reduce(state, again, 0).state).toBe(state);
  });
});

describe("without the server", () => {
  const direct: Input[] = [call, devicesOpened, callRinging, callAnswered(), shownOn("direct")];

  it("keeps a direct call, until its media is lost", () => {
    const kept = run(...direct, { kind: "session_lost" });
    expect(kept.state.phase).toMatchObject({ kind: "in_call", serverLost: true });
    const lost = run(...direct, { kind: "session_lost" }, { kind: "media_lost", closed: false });
    expect(lost.state.phase).toMatchObject({ kind: "ended", reason: "connection_lost" });
    const hungUp = run(...direct, { kind: "session_lost" }, { kind: "media_lost", closed: true });
    expect(hungUp.state.phase).toMatchObject({ kind: "ended", reason: "hung_up", byMe: false });
  });

  it("takes a call that it has not named to the next session", () => {
    const { state, sent } = run(call, { kind: "session_lost" });
    expect(state.phase).toMatchObject({ kind: "calling", userId: BERTA.user_id });
    expect(sent).toEqual(["call", "call"]);
  });

  it("ends a forwarded call", () => {
    const { state } = run(...direct, shownOn("forwarded", "direct_lost"), { kind: "session_lost" });
    expect(state.phase).toMatchObject({ kind: "ended", reason: "connection_lost" });
  });

  it("drops media events of another room", () => {
    const late = event({ type: "offer_answered", room_id: "old", attempt: 1, sdp: "" });
    expect(run(...direct, late).effects.some((effect) => effect.kind === "media_event")).toBe(false);
  });
});

describe("a page that comes back", () => {
  const again = (more: object): Input => welcome({ resumed: true, last_ref: 9, ...more });
  const now = (more: object) =>
    ({ call_id: "c", room_id: "r", user: BERTA, elapsed_ms: 60_000, attempt: 2, ...more }) as CallNow;
  const talks = now({
    state: "answered",
    generation: 3,
    outgoing: true,
    participant_id: "me",
    participants: [participant],
    direct: true,
    polite: false,
    room,
    host: true,
    invitations: [],
  });
  const load = (call: CallNow | undefined, remembered: AppState["remembered"] = null) =>
    reduce({ ...initialState(null, false), remembered }, again({ call }), 100_000);

  it("goes on with its call after a reload, above the connections that were", () => {
    const { state, effects } = load(talks);
    expect(state.phase).toMatchObject({ kind: "in_call", callId: "c", direction: "outgoing", since: 40_000 });
    expect(effects).toMatchObject([
      { kind: "join_media", attempt: 2, generation: 3 },
      { kind: "open_devices", microphone: true, camera: true },
    ]);
  });

  it("keeps muted what was muted", () => {
    const remembered = { roomId: "r", microphone: "off", camera: "off", generation: 7 } as const;
    const { state, effects } = load(talks, remembered);
    expect(effects).toMatchObject([
      { kind: "join_media", generation: 7 },
      { kind: "open_devices", microphone: true, camera: false },
    ]);
    const opened: Input = { kind: "devices_opened", microphone: true, camera: null, problems: [] };
    const step = reduce(state, opened, 0);
    expect(step.state.devices).toEqual({ ...NO_DEVICES, microphone: "off", camera: "off" });
    expect(step.effects).toContainEqual({ kind: "set_microphone", on: false });
    expect(step.effects).toContainEqual({ kind: "send", command: { type: "publish", room_id: "r", sources: [] } });
  });

  it("does not take another call's mute for its own", () => {
    const remembered = { roomId: "x", microphone: "off", camera: "off", generation: 7 } as const;
    expect(load(talks, remembered).effects).toMatchObject([{ generation: 3 }, { microphone: true, camera: true }]);
  });

  it("goes on directly when the server gives up the other, and ends where it was forwarded", () => {
    const onDirect = run(call, callRinging, callAnswered(), shownOn("direct"), callEnded("connection_lost"));
    expect(onDirect.state.phase).toMatchObject({ kind: "in_call", serverLost: true });
    expect(onDirect.effects).toContainEqual({ kind: "forget_server", patienceMs: 2000 });
    const forwarded = run(call, callRinging, callAnswered(), callEnded("connection_lost"));
    expect(forwarded.state.phase).toMatchObject({ kind: "ended", reason: "connection_lost" });
  });

  it("rings on after a reload, at either end", () => {
    expect(load(now({ state: "incoming" })).state.phase).toMatchObject({ kind: "incoming", callId: "c" });
    const { state, effects } = load(now({ state: "ringing_out" }));
    expect(state.phase).toMatchObject({ kind: "calling", callId: "c", roomId: "r" });
    expect(effects).toContainEqual({ kind: "warm_media", roomId: "r", attempt: 2 });
    expect(load(undefined).state.phase.kind).toBe("home");
  });

  const outcomes: [string, Input[], object, object, string[]][] = [
    [
      "talks on",
      [call, callRinging, callAnswered()],
      { call: talks },
      { kind: "in_call" },
      ["server_restarted", "send"],
    ],
    [
      "a direct call that the server lost talks on",
      [call, callRinging, callAnswered(), shownOn("direct")],
      {},
      { kind: "in_call", serverLost: true },
      ["forget_server"],
    ],
    [
      "a forwarded call that the server lost is over",
      [call, callRinging, callAnswered()],
      {},
      { kind: "ended", reason: "connection_lost" },
      [],
    ],
    ["ringing goes on as another call", [call, callRinging], {}, { kind: "calling", callId: null }, ["send"]],
    [
      "being rung goes on, for as long as the caller may come back",
      [incomingCall],
      {},
      { kind: "incoming" },
      ["await_ring"],
    ],
    ["a call that has no name yet goes on", [call], {}, { kind: "calling", callId: null }, []],
    [
      "an answer that was lost on the way is learnt",
      [call, callRinging],
      { call: talks },
      { kind: "in_call" },
      ["join_media"],
    ],
    [
      "what was hung up meanwhile stays so",
      [call, callRinging, callAnswered(), { kind: "hang_up" }],
      { call: talks },
      { kind: "ended", reason: "hung_up" },
      [],
    ],
  ];
  it.each(outcomes)("when the server was started again: %s", (_, inputs, more, phase, effects) => {
    const before = run(...inputs).state;
    const step = reduce(before, again({ boot_id: "two", ...more }), 100_000);
    expect(step.state.phase).toMatchObject(phase);
    for (const kind of effects) expect(step.effects.map((effect) => effect.kind)).toContain(kind);
  });

  it("tells media whether the server before said that it stops, for that may forward still", () => {
    const inCall = [call, callRinging, callAnswered()];
    for (const announced of [true, false]) {
      const said = announced ? [event({ type: "server_stopping" })] : [];
      const { effects } = run(...inCall, ...said, again({ boot_id: "two", call: talks }));
      expect(effects).toContainEqual({ kind: "server_restarted", announced });
    }
    const twice = run(
      ...inCall,
      event({ type: "server_stopping" }),
      again({ call: talks }),
      again({ boot_id: "two", call: talks }),
    );
    expect(twice.effects).toContainEqual({ kind: "server_restarted", announced: false });
  });

  describe("what rang when the server was started again", () => {
    const back = again({ boot_id: "two" });
    const rung = run(incomingCall, back).state;
    const anew = event({ type: "incoming_call", call_id: "d", room_id: "s", user: BERTA });
    const accepts = { kind: "send", command: { type: "accept", call_id: "d", always_through_server: false } };

    const refusedAccept = event({ type: "error", code: "not_allowed", message: "" }, "accept", "c");

    it("is taken up by what rings in its place, without a word to the user", () => {
      const { state, effects } = reduce(rung, anew, 0);
      expect(state).toMatchObject({ lostRing: null, phase: { kind: "incoming", callId: "d", roomId: "s" } });
      expect(effects).toEqual([{ kind: "warm_media", roomId: "s", attempt: 0 }]);
      expect(reduce(state, { kind: "ring_missed", callId: "c" }, 0).state).toEqual(state);
    });

    it("is answered as soon as it rings again, when the user answered meanwhile", () => {
      const early = reduce(rung, { kind: "answer" }, 5);
      expect(early.effects.map(({ kind }) => kind)).not.toContain("send");
      expect(reduce(early.state, anew, 9).effects).toContainEqual(accepts);
      // Said to the call that was, and refused by the new server.
      const said = run(incomingCall, { kind: "answer" }, back).state;
      const refused = reduce(said, refusedAccept, 0).state;
      expect(refused.phase.kind).toBe("incoming");
      expect(reduce(refused, anew, 9).effects).toContainEqual(accepts);
    });

    it("is declined in place of what was declined", () => {
      const declined = reduce(rung, { kind: "decline" }, 0).state;
      const { state, effects } = reduce(declined, anew, 0);
      expect(state.phase.kind).toBe("ended");
      expect(effects).toEqual([{ kind: "send", command: { type: "decline", call_id: "d" } }]);
    });

    it("may ring at the server already when this page comes back", () => {
      const ringing = now({ state: "incoming", call_id: "d", room_id: "s", user: BERTA });
      const { state } = run(incomingCall, again({ boot_id: "two", call: ringing }));
      expect(state).toMatchObject({ lostRing: null, phase: { kind: "incoming", callId: "d" } });
    });

    it("goes on when the answer to the call that was is refused after it was taken up", () => {
      const ringing = now({ state: "incoming", call_id: "d", room_id: "s", user: BERTA });
      const taken = run(incomingCall, { kind: "answer" }, again({ boot_id: "two", call: ringing }));
      expect(taken.sent.filter((type) => type === "accept")).toHaveLength(2);
      expect(reduce(taken.state, refusedAccept, 0).state).toBe(taken.state);
    });

    it("is over when the caller does not come back", () => {
      const { state } = reduce(rung, { kind: "ring_missed", callId: "c" }, 0);
      expect(state.phase).toMatchObject({ kind: "ended", reason: "connection_lost" });
    });

    it("is not mistaken for what others ring", () => {
      const user = { user_id: "other", name: "" };
      const other = event({ type: "incoming_call", call_id: "d", room_id: "s", user });
      expect(reduce(rung, other, 0).state.phase).toMatchObject({ callId: "c" });
    });
  });

  it("learns why a call ended while the server was away", () => {
    const before = run(call, callRinging, callAnswered()).state;
    const gone = reduce(before, again({ boot_id: "two" }), 100_000).state;
    expect(reduce(gone, callEnded("hung_up", 5), 100_000).state.phase).toMatchObject({
      reason: "hung_up",
      durationMs: 5,
    });
  });

  it("takes nothing from the welcome when the server is the same", () => {
    const before = run(call, callRinging).state;
    expect(reduce(before, again({ call: talks }), 0)).toMatchObject({
      state: { phase: { kind: "calling" } },
      effects: [],
    });
  });
});

describe("what the other page says directly", () => {
  const talk = run(call, devicesOpened, callRinging, callAnswered()).state;
  it("ends the call, and tells the server in case the other cannot", () => {
    const { state, effects } = reduce(talk, { kind: "told", message: { type: "hang_up" } }, 0);
    expect(state.phase).toMatchObject({ kind: "ended", reason: "hung_up", byMe: false });
    expect(effects).toContainEqual({ kind: "send", command: { type: "hang_up", call_id: "c" } });
    expect(effects).toContainEqual({ kind: "stop_media", farewell: false });
  });

  it("shows what the other has on", () => {
    const told: Input = { kind: "told", message: { type: "sources", sources: ["camera"] } };
    expect(reduce(talk, told, 0).state.phase).toMatchObject({ others: [{ sources: ["camera"] }] });
  });
});

describe("what a token grants", () => {
  const grants = {
    room: "q3vk8m2xw7rtd",
    join: true,
    create: false,
    admin: false,
    appointed: false,
    publish: { microphone: true, camera: true, screen: false, screen_audio: false },
    subscribe: true,
    data: true,
    rename: false,
  };
  const welcomed = (input: Input) => reduce(initialState(null, false), input, 0);

  it("leads to the one room that it is for", () => {
    const { state, effects } = welcomed(welcome({ grants }));
    expect(state.phase).toMatchObject({ kind: "joining", linkId: grants.room });
    expect(effects).toContainEqual({ kind: "send", command: { type: "look_at_link", link_id: grants.room } });
    expect([mayCall(state), maySend(state, "camera"), maySend(state, "screen")]).toEqual([false, true, false]);
  });

  it("is everything without one", () => {
    const { state } = welcomed(welcome());
    expect(state.phase.kind).toBe("home");
    expect([mayCall(state), maySend(state, "screen")]).toEqual([true, true]);
  });
});
