import { describe, expect, it } from "vitest";
import type { CallNow, ErrorCode, LeaveReason, Participant, RoomInfo, Source } from "../protocol";
import { event, type Welcome, welcome as welcomed } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Effect, type Input, initialState, NO_DEVICES } from "./state";

const LINK = "0123456789abc";
const room: RoomInfo = { room_id: "r", name: "Monday", link_id: LINK, locked: false, lobby: false };
const user = (name: string) => ({ user_id: name.toLowerCase(), name });
const participant = (name: string, more: Partial<Participant> = {}): Participant => ({
  participant_id: name.toLowerCase(),
  user: user(name),
  sources: [],
  reconnecting: false,
  host: false,
  ...more,
});
const [ada, bob, cleo] = [participant("Ada"), participant("Bob"), participant("Cleo")];

const welcome = (more: Partial<Welcome> = {}): Input => welcomed({ user_id: "me", name: "Me", ...more });
const refused = (code: ErrorCode, answers: "look_at_link" | "join" | "invite" | "create_link"): Input =>
  event({ type: "error", code, message: "" }, answers);
const open: Input = { kind: "open_link", linkId: LINK };
const seen = event({
  type: "link_seen",
  link: {
    link_id: LINK,
    name: "Monday",
    has_passphrase: true,
    lobby: true,
    locked: false,
    participants: 2,
    mine: false,
  },
});
const join = (more: Partial<Extract<Input, { kind: "join" }>> = {}): Input => ({
  kind: "join",
  passphrase: null,
  microphone: true,
  camera: true,
  ...more,
});
const roomJoined = (participants: Participant[], direct = false): Input =>
  event({ type: "room_joined", room, participant_id: "p-me", participants, direct, polite: true, host: false });
const lobbyEntered = event({ type: "lobby_entered", room: { ...room, lobby: true }, participant_id: "p-me" });
const roomLeft = (reason: LeaveReason): Input => event({ type: "room_left", room_id: "r", reason });
const devicesOpened: Input = { kind: "devices_opened", microphone: true, camera: true, problems: [] };

/** A call of two that Ada answered, without a link. */
const talk: Input[] = [
  { kind: "call", userId: "ada" },
  devicesOpened,
  event({ type: "call_ringing", call_id: "c", room_id: "r", user: user("Ada") }),
  event({
    type: "call_answered",
    call_id: "c",
    room_id: "r",
    participant_id: "p-me",
    participants: [ada],
    direct: true,
    polite: false,
    room: { room_id: "r", name: "", locked: false, lobby: false },
    host: true,
  }),
];
const joined = (one: Participant, call_id?: string): Input =>
  event({ type: "participant_joined", room_id: "r", participant: one, ...(call_id === undefined ? {} : { call_id }) });
const left = (one: Participant): Input =>
  event({ type: "participant_left", room_id: "r", participant_id: one.participant_id, reason: "left" });
const directChanged = (direct: boolean, other?: string): Input =>
  event({
    type: "direct_changed",
    room_id: "r",
    direct,
    polite: true,
    ...(other === undefined ? {} : { participant_id: other }),
  });

function runFrom(start: AppState, ...inputs: Input[]): { state: AppState; effects: Effect[]; sent: string[] } {
  let state = start;
  const effects: Effect[] = [];
  inputs.forEach((input, second) => {
    const step = reduce(state, input, second * 1000);
    state = step.state;
    effects.push(...step.effects);
  });
  const sent = effects.flatMap((effect) => (effect.kind === "send" ? [effect.command.type] : []));
  return { state, effects, sent };
}
const run = (...inputs: Input[]) => runFrom(initialState(null, false), welcome(), ...inputs);
const inRoom = [open, seen, join(), devicesOpened, roomJoined([ada, bob])];

describe("a call that rings at the door of a room", () => {
  const rings = event({ type: "incoming_call", call_id: "c", room_id: "q", user: user("Bob") });
  const silence = { kind: "ring", tone: null, name: "" };

  it.each<[string, Input[]]>([
    ["when a link is followed while it rings", [rings, open]],
    ["when it begins to ring at the door", [open, rings]],
  ])("goes on, and is declined by who goes in: %s", (_, inputs) => {
    const atDoor = run(...inputs, seen);
    expect(atDoor.state.phase).toMatchObject({
      kind: "joining",
      link: { name: "Monday" },
      rings: { callId: "c", roomId: "q", user: user("Bob") },
    });
    expect(atDoor.effects).not.toContainEqual(silence);
    const entering = runFrom(atDoor.state, join());
    expect(entering.sent).toEqual(["decline", "join"]);
    expect(entering.effects).toContainEqual(silence);
    const late = event({ type: "call_ended", call_id: "c", reason: "declined", duration_ms: 0 });
    expect(runFrom(entering.state, late, devicesOpened, roomJoined([ada])).state.phase).toMatchObject({
      kind: "in_call",
      roomId: "r",
    });
  });

  it("is answered or declined from there", () => {
    const { state } = run(rings, open, seen);
    const answered = runFrom(state, { kind: "answer" });
    expect(answered.sent).toEqual(["accept"]);
    expect(answered.state.phase).toMatchObject({ kind: "incoming", callId: "c", roomId: "q" });
    expect(answered.effects).toContainEqual({ kind: "leave_link" });
    const declined = runFrom(state, { kind: "decline" });
    expect(declined.sent).toEqual(["decline"]);
    expect(declined.state.phase).toMatchObject({ kind: "joining", rings: null });
    expect(runFrom(state, { kind: "home" }).state.phase).toMatchObject({ kind: "incoming", callId: "c" });
  });

  it("is forgotten when it ends elsewhere, and with the session", () => {
    const { state } = run(open, seen, rings);
    for (const input of [
      event({ type: "call_ended", call_id: "c", reason: "cancelled", duration_ms: 0 }),
      event({ type: "answered_elsewhere", call_id: "c" }),
      { kind: "session_lost" } as const,
    ]) {
      const over = runFrom(state, input);
      expect(over.state.phase).toMatchObject({ kind: "joining", rings: null });
      expect(over.effects).toContainEqual(silence);
    }
  });

  it("is there after the page was loaded by a link", () => {
    const call: CallNow = {
      state: "incoming",
      call_id: "c",
      room_id: "q",
      user: user("Bob"),
      elapsed_ms: 100,
      attempt: 2,
    };
    const { state, effects, sent } = runFrom(initialState(null, false), open, welcome({ resumed: true, call }));
    expect(state.phase).toMatchObject({ kind: "joining", rings: { callId: "c" } });
    expect(sent).toEqual(["look_at_link"]);
    expect(effects).toContainEqual({ kind: "warm_media", roomId: "q", attempt: 2 });
  });
});

describe("the door of a link's room", () => {
  it("asks what is behind it, as soon as there is a session", () => {
    expect(run(open).sent).toEqual(["look_at_link"]);
    const early = runFrom(initialState(null, false), open);
    expect(early.sent).toEqual([]);
    expect(reduce(early.state, welcome(), 0).effects).toContainEqual({
      kind: "send",
      command: { type: "look_at_link", link_id: LINK },
    });
  });

  it("shows what is behind it, and keeps the page's address", () => {
    const { state, effects } = run(open, seen);
    expect(state.phase).toMatchObject({ kind: "joining", link: { name: "Monday" }, entering: false });
    expect(effects).toContainEqual({ kind: "enter_link", linkId: LINK });
  });

  it("is not opened in the middle of a call", () => {
    expect(run(...talk, open).state.phase.kind).toBe("in_call");
  });

  it.each([
    ["no_such_link", "look_at_link"],
    ["rate_limited", "look_at_link"],
  ] as const)("says %s before anybody has knocked", (code, answers) => {
    expect(run(open, refused(code, answers)).state.phase).toMatchObject({ kind: "joining", problem: code });
  });

  it.each([["passphrase_needed"], ["room_locked"], ["room_full"], ["no_such_link"]] as const)(
    "stays closed for %s, with the devices shut, and can be tried again",
    (code) => {
      const { state, effects, sent } = run(open, seen, join(), devicesOpened, refused(code, "join"), join());
      expect(effects).toContainEqual({ kind: "stop_media", farewell: false });
      expect(sent).toEqual(["look_at_link", "join", "join"]);
      expect(state.phase).toMatchObject({ kind: "joining", entering: true, problem: null });
      const closed = run(open, seen, join(), devicesOpened, refused(code, "join")).state;
      expect(closed).toMatchObject({ phase: { problem: code, entering: false }, devices: NO_DEVICES });
    },
  );

  it("lets in with what is to be on", () => {
    const quiet = run(open, seen, join({ passphrase: "x", microphone: false, camera: false }));
    expect(quiet.effects).toContainEqual({ kind: "open_devices", microphone: true, camera: false });
    expect(quiet.effects).toContainEqual({
      kind: "send",
      command: { type: "join", link_id: LINK, passphrase: "x", always_through_server: false },
    });
    const opened: Input = { kind: "devices_opened", microphone: true, camera: null, problems: [] };
    const { state } = runFrom(quiet.state, opened);
    expect(state.devices).toMatchObject({ microphone: "off", camera: "off" });
  });

  it("knocks once, however often the button is pressed", () => {
    expect(run(open, join(), join()).sent).toEqual(["look_at_link", "join"]);
  });

  it("goes home, and leaves what the server opens afterwards", () => {
    const { state, effects, sent } = run(open, join(), { kind: "home" }, roomJoined([ada]));
    expect(state.phase.kind).toBe("home");
    expect(sent).toEqual(["look_at_link", "join", "leave"]);
    expect(effects).toContainEqual({ kind: "stop_media", farewell: false });
    expect(run(open, join(), { kind: "home" }, lobbyEntered).sent.at(-1)).toBe("leave");
  });
});

describe("the lobby", () => {
  const waiting = [open, seen, join(), devicesOpened, lobbyEntered];
  it("keeps the devices, and is left by whoever is admitted", () => {
    const { state } = run(...waiting);
    expect(state).toMatchObject({ phase: { kind: "lobby", linkId: LINK }, devices: { camera: "on" } });
    const { state: inside, effects } = run(...waiting, roomJoined([ada]));
    expect(inside.phase).toMatchObject({ kind: "in_call", callId: null, others: [ada] });
    expect(effects).toContainEqual({
      kind: "send",
      command: { type: "publish", room_id: "r", sources: ["microphone", "camera"] },
    });
  });

  it.each([["refused"], ["closed"]] as const)("ends with %s, and the way back to the door", (why) => {
    const { state, effects } = run(...waiting, roomLeft(why));
    expect(state.phase).toMatchObject({ kind: "ended", reason: why, linkId: LINK });
    expect(effects).toContainEqual({ kind: "stop_media", farewell: false });
  });

  it("is asked for again where the server lost who waits", () => {
    const knocks = [open, seen, join({ passphrase: "swordfish" }), devicesOpened, lobbyEntered];
    const { state, sent, effects } = run(...knocks, roomLeft("connection_lost"));
    expect(state).toMatchObject({
      phase: { kind: "joining", linkId: LINK, entering: true },
      devices: { camera: "on" },
    });
    expect(sent.slice(-2)).toEqual(["look_at_link", "join"]);
    expect(effects.at(-1)).toMatchObject({ command: { passphrase: "swordfish" } });
  });

  it.each([{ kind: "home" }, { kind: "hang_up" }] as Input[])("is left for home by %o", (input) => {
    const { state, sent } = run(...waiting, input);
    expect(state.phase.kind).toBe("home");
    expect(sent.at(-1)).toBe("leave");
  });
});

describe("a room by its link", () => {
  it("brings media through the server, or directly where the other one is alone", () => {
    const media = (effects: Effect[]) => effects.find((effect) => effect.kind === "join_media");
    expect(media(run(...inRoom).effects)).toMatchObject({ direct: false, other: null, others: [ada, bob] });
    expect(media(run(open, join(), roomJoined([ada], true)).effects)).toMatchObject({ direct: true, other: "ada" });
  });

  it("is left by hanging up, with the way back", () => {
    const { state, effects, sent } = run(...inRoom, { kind: "hang_up" });
    expect(state.phase).toMatchObject({ kind: "ended", reason: "left", byMe: true, linkId: LINK });
    expect(sent.at(-1)).toBe("leave");
    // Whoever stays must not take it for the end of theirs.
    expect(effects).toContainEqual({ kind: "stop_media", farewell: false });
    const again = run(...inRoom, { kind: "hang_up" }, open);
    expect(again.state.phase).toMatchObject({ kind: "joining", linkId: LINK });
  });

  it.each([["removed"], ["closed"]] as const)("is over when the server says %s", (reason) => {
    expect(run(...inRoom, roomLeft(reason)).state.phase).toMatchObject({ kind: "ended", reason, byMe: false });
  });

  it("gets a face when the first one comes to somebody who is alone", () => {
    const { state } = run(open, join(), roomJoined([]), joined(cleo));
    expect(state.phase).toMatchObject({ others: [cleo], user: { name: "Cleo" } });
  });
});

describe("from two to three and back", () => {
  const invite: Input = { kind: "invite", userId: "bob" };
  const rings = event({ type: "call_ringing", call_id: "i", room_id: "r", user: user("Bob") }, "invite");

  it("tells the media who is there, and that it has to go through the server", () => {
    const { state, effects } = run(...talk, joined(bob), directChanged(false));
    expect(state.phase).toMatchObject({ kind: "in_call", others: [ada, bob], user: { name: "Ada" } });
    expect(effects.slice(-2)).toEqual([
      { kind: "others_changed", others: [ada, bob] },
      { kind: "set_direct", direct: false, polite: true, other: null },
    ]);
  });

  it("goes back when one has left, to whoever is there", () => {
    const { state, effects } = run(...talk, joined(bob), directChanged(false), left(ada), directChanged(true, "bob"));
    expect(state.phase).toMatchObject({ others: [bob], throughServer: null });
    expect(effects.at(-1)).toEqual({ kind: "set_direct", direct: true, polite: true, other: "bob" });
  });

  it("does not say farewell to two when one leaves, and does to the only one", () => {
    const farewell = (...inputs: Input[]) =>
      run(...talk, ...inputs, { kind: "hang_up" }).effects.find((effect) => effect.kind === "stop_media");
    expect(farewell()).toMatchObject({ farewell: true });
    expect(farewell(joined(bob))).toMatchObject({ farewell: false });
    expect(farewell(event({ type: "room_changed", room }))).toMatchObject({ farewell: false });
  });

  it("ends for nobody else by what one page says to another", () => {
    const told: Input = { kind: "told", message: { type: "hang_up" } };
    expect(run(...talk, told).state.phase.kind).toBe("ended");
    expect(run(...talk, joined(bob), told).state.phase.kind).toBe("in_call");
  });

  it("keeps the invitation until it is answered", () => {
    const ringing = run(...talk, invite, rings);
    expect(ringing.state.phase).toMatchObject({ invited: [{ callId: "i", userId: "bob", user: { name: "Bob" } }] });
    expect(run(...talk, invite, rings, joined(bob, "i")).state.phase).toMatchObject({
      invited: [],
      others: [ada, bob],
    });
  });

  const over: [string, Input[]][] = [
    ["it is declined", [rings, event({ type: "call_ended", call_id: "i", reason: "declined", duration_ms: 0 })]],
    ["nobody is there", [event({ type: "call_ended", call_id: "i", reason: "unreachable", duration_ms: 0 }, "invite")]],
    ["it is refused", [refused("room_full", "invite")]],
    ["it is taken back", [rings, { kind: "cancel_invite", userId: "bob" }]],
  ];
  it.each(over)("forgets the invitation when %s, and talks on", (_, inputs) => {
    expect(run(...talk, invite, ...inputs).state.phase).toMatchObject({ kind: "in_call", invited: [] });
  });

  it("cancels an invitation that was taken back before the server had named it", () => {
    const { sent, effects } = run(...talk, invite, { kind: "cancel_invite", userId: "bob" }, rings);
    expect(sent.slice(-2)).toEqual(["invite", "cancel"]);
    expect(effects.at(-1)).toEqual({ kind: "send", command: { type: "cancel", call_id: "i" } });
  });

  it("invites nobody twice at once", () => {
    expect(run(...talk, invite, invite).sent.filter((type) => type === "invite")).toHaveLength(1);
  });

  it("answers an invitation into a room where several are", () => {
    const { state, effects } = run(
      event({ type: "incoming_call", call_id: "i", room_id: "r", user: user("Ada") }),
      { kind: "answer" },
      event({
        type: "call_answered",
        call_id: "i",
        room_id: "r",
        participant_id: "p-me",
        participants: [ada, bob],
        direct: false,
        polite: false,
        room: { ...room, link_id: LINK },
        host: false,
      }),
    );
    expect(state.phase).toMatchObject({ kind: "in_call", callId: "i", others: [ada, bob], throughServer: null });
    expect(effects).toContainEqual(expect.objectContaining({ kind: "join_media", direct: false, others: [ada, bob] }));
  });
});

describe("a screen", () => {
  const show: Input = { kind: "toggle_screen" };
  const opened = (video: boolean, audio = false): Input => ({ kind: "screen_opened", video, audio });
  const published = (effects: Effect[]): Source[][] =>
    effects.flatMap((effect) =>
      effect.kind === "send" && effect.command.type === "publish" ? [effect.command.sources] : [],
    );

  it("is published with its sound, and taken back", () => {
    const { state, effects } = run(...talk, show, opened(true, true), show);
    expect(published(effects).slice(1)).toEqual([
      ["microphone", "camera", "screen", "screen_audio"],
      ["microphone", "camera"],
    ]);
    expect(effects.at(-2)).toMatchObject({ kind: "remember_call" });
    expect(effects).toContainEqual({ kind: "close_screen" });
    expect(state.devices).toMatchObject({ screen: "none", screenAudio: false });
  });

  it("is not there when nothing was chosen", () => {
    const { state, effects } = run(...talk, show, show, opened(false));
    expect(state.devices.screen).toBe("none");
    expect(effects.filter(({ kind }) => kind === "open_screen")).toHaveLength(1);
    expect(published(effects)).toHaveLength(1);
  });

  it("ends with the browser's own button", () => {
    const { state, effects } = run(...talk, show, opened(true), { kind: "screen_ended" });
    expect(state.devices.screen).toBe("none");
    expect(published(effects).at(-1)).toEqual(["microphone", "camera"]);
  });

  it("is let go of when the call is over before it is chosen", () => {
    expect(run(...talk, show, { kind: "hang_up" }, opened(true)).effects.at(-1)).toEqual({ kind: "close_screen" });
  });
});

describe("what a host does to others, and others to us", () => {
  it.each([
    ["microphone", { microphone: "off" }, { kind: "set_microphone", on: false }],
    ["camera", { camera: "off" }, { kind: "close_camera" }],
  ] as const)("switches the %s off, and the room is told", (source, devices, effect) => {
    const { state, effects } = run(...inRoom, event({ type: "muted", room_id: "r", by: "ada", source }));
    expect(state.devices).toMatchObject(devices);
    expect(effects).toContainEqual(effect);
    expect(effects.at(-1)).toMatchObject({ kind: "send", command: { type: "publish" } });
  });

  it("learns the own hand and the own part from the server", () => {
    const me = participant("P-Me", { host: true, hand: 2 });
    const { state } = run(...inRoom, event({ type: "participant_changed", room_id: "r", participant: me }));
    expect(state.phase).toMatchObject({ me: { host: true, hand: 2 }, others: [ada, bob] });
  });

  it("keeps the stage for who spoke last, until they leave", () => {
    const speak = (...participant_ids: string[]) => event({ type: "speakers_changed", room_id: "r", participant_ids });
    const { state } = run(...inRoom, speak("p-me", "bob"), speak("p-me"), speak());
    expect(state.phase).toMatchObject({ speakers: [], lastSpeaker: "bob" });
    expect(runFrom(state, left(bob)).state.phase).toMatchObject({ lastSpeaker: null });
  });

  it("shows reactions for some seconds, and not more than can be seen", () => {
    const heart = event({ type: "reacted", room_id: "r", participant_id: "ada", reaction: "heart" });
    const { state, effects } = run(...inRoom, ...Array.from({ length: 40 }, () => heart));
    if (state.phase.kind !== "in_call") throw new Error("in a call");
    expect(state.phase.reactions).toHaveLength(30);
    const ids = effects.flatMap((effect) => (effect.kind === "fade_reaction" ? [effect.id] : []));
    expect(new Set(ids).size).toBe(40);
    const gone = runFrom(state, ...ids.map((id): Input => ({ kind: "reaction_faded", id })));
    expect(gone.state.phase).toMatchObject({ reactions: [] });
  });

  const commands: [Input, object][] = [
    [
      { kind: "lock", locked: true },
      { type: "lock", locked: true },
    ],
    [
      { kind: "admit", participantId: "x", admitted: false },
      { type: "admit", participant_id: "x", admitted: false },
    ],
    [
      { kind: "mute_other", participantId: "ada", source: "camera" },
      { type: "mute", participant_id: "ada", source: "camera" },
    ],
    [
      { kind: "remove_other", participantId: "ada" },
      { type: "remove", participant_id: "ada" },
    ],
    [
      { kind: "raise_hand", raised: true },
      { type: "raise_hand", raised: true },
    ],
    [
      { kind: "react", reaction: "party" },
      { type: "react", reaction: "party" },
    ],
  ];
  it.each(commands)("%o", (input, command) => {
    expect(run(...inRoom, input).effects.at(-1)).toMatchObject({ kind: "send", command: { room_id: "r", ...command } });
    expect(run(input).sent).toEqual([]);
  });
});

describe("links", () => {
  const wish = { name: "", passphrase: null, expires_in_s: null, single_use: false, lobby: false };
  const link = { link_id: LINK, name: "", has_passphrase: false, single_use: false, lobby: false, participants: 0 };

  it("are made for a room of their own, or for the room that this page is in", () => {
    const create = (here: boolean): Input => ({ kind: "create_link", wish, here });
    expect(run(create(false)).effects.at(-1)).toMatchObject({ command: { type: "create_link", room_id: null } });
    expect(run(...talk, create(true)).effects.at(-1)).toMatchObject({ command: { room_id: "r" } });
    expect(run(create(false), refused("rate_limited", "create_link")).state.refused).toBe("rate_limited");
  });

  it("are listed, shown when made, and revoked", () => {
    const listed = run({ kind: "list_links" }, event({ type: "links", links: [] }));
    const made = runFrom(listed.state, event({ type: "link_created", link }, "create_link"));
    expect(made.state).toMatchObject({ madeLink: link, links: [link] });
    const revoked = runFrom(made.state, { kind: "revoke_link", linkId: LINK });
    expect(revoked.state).toMatchObject({ madeLink: null, links: [] });
    expect(revoked.sent).toEqual(["revoke_link"]);
  });
});

describe("a room that outlives a reload, a server, or neither", () => {
  const now: Extract<CallNow, { state: "joined" }> = {
    state: "joined",
    room,
    elapsed_ms: 5000,
    attempt: 3,
    generation: 2,
    participant_id: "p-me",
    participants: [ada, bob],
    direct: false,
    polite: false,
    host: true,
    invitations: [],
  };
  const back = (call: CallNow, boot_id = "one") => welcome({ resumed: true, boot_id, call });

  it("is entered again after a reload, whatever the page's address says", () => {
    const { state, effects } = runFrom(initialState(null, false), open, back(now));
    expect(state.phase).toMatchObject({ kind: "in_call", callId: null, others: [ada, bob], me: { host: true } });
    expect(effects).toContainEqual(expect.objectContaining({ kind: "join_media", attempt: 3, generation: 2 }));
  });

  it("knows whom it still rings, and takes it back", () => {
    const invitations = [{ call_id: "i", user: user("Cleo") }];
    const { state } = runFrom(initialState(null, false), back({ ...now, invitations }));
    expect(state.phase).toMatchObject({ invited: [{ callId: "i", userId: "cleo", user: { name: "Cleo" } }] });
    const cancelled = runFrom(state, { kind: "cancel_invite", userId: "cleo" });
    expect(cancelled.effects).toContainEqual({ kind: "send", command: { type: "cancel", call_id: "i" } });
  });

  it("keeps muted what was muted", () => {
    const remembered = { roomId: "r", microphone: "off", camera: "off", generation: 7 } as const;
    const { state, effects } = runFrom({ ...initialState(null, false), remembered }, back(now));
    expect(state.opensMuted).toBe(true);
    expect(effects).toContainEqual({ kind: "open_devices", microphone: true, camera: false });
  });

  it("waits on in the lobby after a reload", () => {
    const waiting: CallNow = { state: "waiting", room, participant_id: "p-me" };
    const { state } = runFrom(initialState(null, false), open, back(waiting));
    expect(state.phase).toMatchObject({ kind: "lobby", linkId: LINK });
  });

  it("rings anew whom it rang when the server was started again, unless they are in", () => {
    const rings = (call_id: string, name: string) =>
      event({ type: "call_ringing", call_id, room_id: "r", user: user(name) });
    const invite = (name: string): Input => ({ kind: "invite", userId: user(name).user_id });
    const ringing = [invite("Cleo"), rings("i", "Cleo"), invite("Dora"), rings("j", "Dora")];
    const { state, effects } = run(...inRoom, ...ringing, back({ ...now, participants: [ada, cleo] }, "two"));
    expect(state.phase).toMatchObject({ invited: [{ callId: null, userId: "dora" }] });
    const again = effects.slice(-3).filter((effect) => effect.kind === "send" && effect.command.type === "invite");
    expect(again).toEqual([{ kind: "send", command: { type: "invite", room_id: "r", user_id: "dora" } }]);
  });

  it("does not take for off what another has not said yet to a server that was started again", () => {
    const [shown, silent] = [{ ...bob, sources: ["camera" as const] }, bob];
    const changed = (one: Participant) => event({ type: "participant_changed", room_id: "r", participant: one });
    const { state } = run(...inRoom, changed(shown), back({ ...now, participants: [silent] }, "two"));
    expect(state.phase).toMatchObject({ others: [{ participant_id: "bob", sources: ["camera"] }] });
    expect(runFrom(state, changed(silent)).state.phase).toMatchObject({ others: [{ sources: [] }] });
  });

  it("learns from a server that was started again who is still there", () => {
    const { state, effects } = run(...inRoom, back({ ...now, participants: [cleo], direct: true }, "two"));
    expect(state.phase).toMatchObject({ kind: "in_call", others: [cleo] });
    expect(effects.slice(-4).map(({ kind }) => kind)).toEqual([
      "server_restarted",
      "others_changed",
      "set_direct",
      "send",
    ]);
  });

  it("is lost with the session, also where two of many would see each other directly", () => {
    const { state } = run(...inRoom, { kind: "session_lost" });
    expect(state.phase).toMatchObject({ kind: "ended", reason: "connection_lost", linkId: LINK });
    const direct: Input = { kind: "path_shown", path: "direct", reason: "first_media" };
    const three = run(...talk, direct, joined(bob), { kind: "session_lost" });
    expect(three.state.phase).toMatchObject({ kind: "ended", reason: "connection_lost" });
  });

  it("is knocked at again when the session was lost before the door opened", () => {
    const { state } = run(open, join(), { kind: "session_lost" });
    expect(state.phase).toMatchObject({ kind: "joining", entering: false });
  });
});
