/** Every state of the page with made-up data: /dev/gallery.html?show=<name>. Only from the development server. */

import { signal } from "@preact/signals";
import { render } from "preact";
import { signedIn } from "../src/browsers";
import { startFiles } from "../src/files";
import { type Findings, NOTHING_FOUND } from "../src/media/check";
import { check } from "../src/media/check-run";
import { systemMuted } from "../src/media/device-watch";
import { level, speakingMuted } from "../src/media/levels";
import { quality } from "../src/media/quality-shown";
import { shown, taken } from "../src/pairing";
import {
  type AppState,
  type Chat,
  freshRoom,
  type InCall,
  initialState,
  NO_CHAT,
  NO_DEVICES,
  NOBODY,
  type OutgoingFile,
  unknownPath,
} from "../src/sdk/core/state";
import type { RemoteTrack, RemoteTracks } from "../src/sdk/media/remote";
import type {
  Contact,
  FileInfo,
  Grants,
  HistoryRow,
  Link,
  LinkPreview,
  Message,
  Participant,
  RoomInfo,
  Source,
  UserInfo,
} from "../src/sdk/protocol";
import { changeSettings, LANGUAGES } from "../src/settings";
import { signInFault, signInWay } from "../src/sign-in";
import { markLanguage, text } from "../src/texts";
import { toast } from "../src/toasts";
import { AppView } from "../src/ui/app-view";
import { blocking } from "../src/ui/block-dialog";
import { openDialog } from "../src/ui/open-dialog";
import { openPanel } from "../src/ui/open-panel";
import { aCall, BOB } from "../src/ui/report/fixtures";

const berta = { user_id: "b3rt-a8xn-4m2q", name: "Berta Nowak" };
const nobody = { user_id: "k7mq-2xwd-9hpt", name: "" };
const base: AppState = {
  ...initialState(null, false),
  connection: "up",
  me: { userId: "h4ns-9kpt-2xwd", name: "Hans" },
};
const ALL: Grants = {
  join: true,
  create: true,
  admin: false,
  appointed: true,
  publish: { microphone: true, camera: true, screen: true, screen_audio: true },
  subscribe: true,
  data: true,
  rename: true,
};
const other = (sources: Participant["sources"], reconnecting = false): Participant => ({
  participant_id: "p",
  user: berta,
  sources,
  reconnecting,
  host: false,
});
const room: RoomInfo = { room_id: "r", name: "", locked: false, lobby: false };
const on = { ...NO_DEVICES, microphone: "on", camera: "on" } as const;
const REACHABLE = { outcome: "connected", here: "outside", there: "outside" } as const;
const inCall = (more: Partial<InCall> = {}, state: Partial<AppState> = {}): AppState => ({
  ...base,
  devices: on,
  ...state,
  phase: {
    kind: "in_call",
    callId: "c",
    ...freshRoom(room, "me", true, []),
    user: berta,
    direction: "outgoing",
    others: [other(["microphone", "camera"])],
    since: Date.now() - 754_000,
    ...unknownPath(true, false),
    path: "direct",
    roundTripMs: 12,
    direct: REACHABLE,
    serverLost: false,
    ...more,
  },
});
/** Everybody in the gallery's rooms. */
const NAMES = [
  "Berta Nowak",
  "Cleo",
  "Dr. Maximilian von Hohenstein-Wertheim",
  "Emre Yılmaz",
  "Fatima",
  "Gustav",
  "Hana Kim",
];
const MORE = [
  "Ines",
  "Jonas",
  "Kofi",
  "Lena",
  "Milan",
  "Nora",
  "Olga",
  "Paulo",
  "Quentin",
  "Rosa",
  "Sven",
  "Tariq",
  "Uma",
];
const person = (name: string, place: number, more: Partial<Participant> = {}): Participant => ({
  participant_id: `p${place}`,
  user: { user_id: `${name.slice(0, 4).toLowerCase()}-a8xn-4m2q`, name },
  sources: ["microphone", "camera"],
  reconnecting: false,
  host: false,
  ...more,
});
const people = (count: number, more: Record<number, Partial<Participant>> = {}) =>
  [...NAMES, ...MORE].slice(0, count).map((name, place) => person(name, place, more[place]));
const SCREEN: Participant["sources"] = ["microphone", "camera", "screen"];
const weekly: RoomInfo = { room_id: "r", name: "Weekly", link_id: "q3vk8m2xw7rtd", locked: false, lobby: true };
const group = (others: Participant[], more: Partial<InCall> = {}, state: Partial<AppState> = {}): AppState =>
  inCall(
    { others, room: weekly, path: "forwarded", reason: "group", roundTripMs: 24, speakers: ["p1"], ...more },
    state,
  );
const lively = people(7, {
  0: { hand: 2 },
  2: { sources: ["camera"], host: true },
  3: { sources: [] },
  4: { reconnecting: true },
  5: { sources: ["microphone", "camera"], hand: 1 },
});

const link = (link_id: string, name: string, more: Partial<Link> = {}): Link => ({
  link_id,
  name,
  has_passphrase: false,
  single_use: false,
  lobby: false,
  participants: 0,
  ...more,
});
const LINKS = [
  link("q3vk8m2xw7rtd", "Weekly", { participants: 3, lobby: true, expires_in_s: 500_000 }),
  link("8m2xw7rtdq3vk", "", { single_use: true, has_passphrase: true, expires_in_s: 3000 }),
  link("w7rtdq3vk8m2x", "Interview mit Frau Dr. von Hohenstein-Wertheim"),
];
const written = (number: number, user: UserInfo, text: string, more: Partial<Message> = {}): Message => ({
  number,
  message_id: `m${number}`,
  user,
  participant_id: "p",
  at_ms: Date.now() - (20 - number) * 40_000 - (number < 6 ? 7 * 60_000 : 0),
  text,
  edited: false,
  deleted: false,
  ...more,
});
const hans = { user_id: "h4ns-9kpt-2xwd", name: "Hans" };
const cleo = { user_id: "cleo-a8xn-4m2q", name: "Cleo" };
const MESSAGES: Message[] = [
  written(3, berta, "Hello! Can you hear me?"),
  written(4, berta, "The agenda: https://intranet.example.org/meetings/2026/weekly?item=3#agenda (page 2)."),
  written(5, hans, "Yes, fine.\nI am in the train, so I write instead."),
  written(6, hans, "One moment", { edited: true }),
  written(7, cleo, "", { deleted: true }),
  written(8, cleo, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"),
  written(9, cleo, "مرحبا، كيف حالك؟"),
  written(10, { user_id: "dr12-a8xn-4m2q", name: "Dr. Maximilian von Hohenstein-Wertheim" }, "👍"),
];
const CHAT: Chat = { ...NO_CHAT, loaded: true, more: true, messages: MESSAGES };
const filed = (number: number, user: UserInfo, text: string, file: Partial<FileInfo>) =>
  written(number, user, text, {
    file: { file_id: `f${number}`, name: "sea.png", bytes: 2_400_000, kind: "png", kept: true, ...file },
  });
const FILES: Message[] = [
  filed(14, cleo, "The view from here", {}),
  filed(15, cleo, "", {
    name: "Protokoll der Sitzung des Ausschusses für Donaudampfschifffahrt 2026-11-26 (Entwurf 3).odt",
    kind: "other",
  }),
  filed(16, hans, "", { name: "sketch.webp", kind: "webp", bytes: 80_000 }),
  filed(17, hans, "", { name: "budget.xlsx", kind: "other", bytes: 512 }),
  filed(18, cleo, "", { name: "old.zip", kind: "other", kept: false }),
];
const aFile = (stage: OutgoingFile["stage"], sent: number): OutgoingFile => ({
  name: "holiday.mp4",
  bytes: 20_000_000,
  sent,
  fileId: null,
  stage,
});
startFiles({
  sendFile: () => {},
  downloads: {
    url: async () => "",
    load: async () => {
      const canvas = new OffscreenCanvas(640, 360);
      const pen = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      const sky = pen.createLinearGradient(0, 0, 0, 360);
      sky.addColorStop(0, "#8ec5ff");
      sky.addColorStop(1, "#1b5e8c");
      pen.fillStyle = sky;
      pen.fillRect(0, 0, 640, 360);
      return canvas.convertToBlob();
    },
  },
});
const HOUR_MS = 3_600_000;
const past = (name: string, hoursAgo: number, more: Partial<HistoryRow> = {}): HistoryRow => ({
  call_id: `${name} ${hoursAgo}`,
  user: { user_id: `${(name || "k7mq").slice(0, 4).toLowerCase()}-a8xn-4m2q`, name },
  direction: "received",
  rang_at_ms: Date.now() - hoursAgo * HOUR_MS,
  reason: "hung_up",
  answered: true,
  talked_ms: 754_000,
  missed: false,
  seen: false,
  chat: name.startsWith("C"),
  report: more.answered !== false,
  ...more,
});
const MISSED = { answered: false, talked_ms: 0, missed: true } as const;
const CALLS: HistoryRow[] = [
  past("Berta Nowak", 0.1, { ...MISSED, reason: "no_answer" }),
  past("Dr. Maximilian von Hohenstein-Wertheim", 3, { ...MISSED, reason: "busy" }),
  past("Cleo", 5, { direction: "made" }),
  past("", 26, { direction: "made", reason: "unreachable", answered: false, talked_ms: 0 }),
  past("Emre Yılmaz", 80, { ...MISSED, reason: "cancelled", seen: true }),
  past("Fatima", 800, { talked_ms: 5_400_000, reason: "connection_lost" }),
];
const contact = (name: string, presence: Contact["presence"]): Contact => ({
  user: { user_id: `${(name || "k7mq").slice(0, 4).toLowerCase()}-a8xn-4m2q`, name },
  presence,
});
const CONTACTS: Contact[] = [
  contact("", "offline"),
  contact("Berta Nowak", "online"),
  contact("Cleo", "in_call"),
  contact("Dr. Maximilian von Hohenstein-Wertheim", "away"),
  contact("Emre Yılmaz", "offline"),
];
const known = (contacts: Contact[], blocked: UserInfo[] = []): Partial<AppState> => ({
  people: { contacts, blocked, settings: { callers: "anyone", always_through_server: false } },
});
const history = (rows: HistoryRow[], missed = 0, more = false): Partial<AppState> => ({
  history: { rows, more, asking: false },
  missed,
});
type Door = Extract<AppState["phase"], { kind: "joining" }>;
const door = (more: Partial<Door> = {}, preview: Partial<LinkPreview> = {}): AppState => ({
  ...base,
  phase: {
    kind: "joining",
    rings: null,
    passphrase: null,
    linkId: "q3vk8m2xw7rtd",
    link: {
      link_id: "q3vk8m2xw7rtd",
      name: "Weekly",
      has_passphrase: false,
      lobby: false,
      locked: false,
      participants: 3,
      mine: false,
      ...preview,
    },
    problem: null,
    entering: false,
    ...more,
  },
});

const ended = (phase: object): AppState => ({
  ...base,
  phase: {
    kind: "ended",
    callId: "c",
    reason: "hung_up",
    direction: "outgoing",
    byMe: false,
    user: berta,
    linkId: null,
    durationMs: 754_000,
    ...phase,
  },
});

const STATES: Record<string, AppState> = {
  starting: { ...base, connection: "starting", me: null },
  home: base,
  "home-link": { ...base, link: nobody.user_id },
  "home-down": { ...base, connection: "down", refused: "rate_limited", alwaysThroughServer: true },
  "home-rooms": { ...base, links: LINKS },
  "home-calls": { ...base, ...history(CALLS, 2, true), links: LINKS },
  "home-contacts": { ...base, ...known(CONTACTS, [cleo]), ...history(CALLS, 2) },
  "home-contacts-none": { ...base, ...known([]), ...history(CALLS.slice(0, 2)) },
  "home-contact-dialog": { ...base, ...known(CONTACTS) },
  "home-block-dialog": { ...base, ...known(CONTACTS) },
  "home-blocked-dialog": { ...base, ...known(CONTACTS, [cleo, nobody]) },
  "home-calls-none": { ...base, ...history([]) },
  "home-calls-forget": { ...base, ...history(CALLS) },
  "home-made-link": { ...base, links: LINKS.slice(1), madeLink: link("q3vk8m2xw7rtd", "Weekly") },
  door: door(),
  "door-looking": door({ link: null }),
  "door-passphrase": door({ problem: "passphrase_needed" }, { has_passphrase: true, lobby: true, participants: 1 }),
  "door-full": door({ problem: "room_full" }),
  "door-closed": door({ link: null, problem: "no_such_link" }),
  lobby: {
    ...base,
    devices: on,
    phase: { kind: "lobby", passphrase: null, linkId: "q3vk8m2xw7rtd", room: weekly, participantId: "me" },
  },
  calling: {
    ...base,
    devices: on,
    phase: { kind: "calling", userId: berta.user_id, user: berta, callId: "c", roomId: "r" },
  },
  "calling-no-camera": {
    ...base,
    devices: { ...NO_DEVICES, microphone: "on", camera: "none", problems: ["camera_denied"] },
    phase: { kind: "calling", userId: nobody.user_id, user: null, callId: null, roomId: null },
  },
  incoming: { ...base, phase: { kind: "incoming", callId: "c", roomId: "r", user: berta, answeredAt: null } },
  "incoming-quiet": { ...base, phase: { kind: "incoming", callId: "c", roomId: "r", user: berta, answeredAt: null } },
  "call-connecting": inCall({ path: null, others: [other([])], since: Date.now() }),
  call: inCall(),
  "call-forwarded": inCall({
    path: "forwarded",
    roundTripMs: 38,
    otherProtocol: "tcp",
    direct: { ...REACHABLE, outcome: "never" },
  }),
  "call-camera-off": inCall(
    { others: [other([])] },
    { devices: { ...NO_DEVICES, microphone: "off", camera: "off", problems: [] } },
  ),
  "call-no-devices": inCall(
    { path: "forwarded", roundTripMs: null },
    {
      devices: { ...NO_DEVICES, microphone: "none", camera: "none", problems: ["microphone_missing", "camera_in_use"] },
    },
  ),
  "call-speaking-muted": inCall({}, { devices: { ...NO_DEVICES, microphone: "off", camera: "on", problems: [] } }),
  "call-toast": inCall(),
  "call-fair": inCall({ path: "forwarded", roundTripMs: 450 }),
  "call-poor": inCall(),
  "devices-home": base,
  help: inCall(),
  "check-running": base,
  "check-good": base,
  "check-bad": base,
  "check-firefox": base,
  "home-check-notice": base,
  "devices-call": inCall(),
  "call-reconnecting": inCall({ others: [other(["microphone", "camera"], true)] }, { connection: "down" }),
  "room-grid": group(lively, {
    reactions: [
      { id: 1, participantId: "p1", reaction: "applause" },
      { id: 2, participantId: "me", reaction: "party" },
    ],
  }),
  "room-three": group(people(2), { room }),
  "room-speaker": group(lively, { lastSpeaker: "p1" }),
  "room-screen": group(people(4, { 1: { sources: SCREEN } })),
  "room-two-screens": group(people(3, { 0: { sources: SCREEN }, 1: { sources: SCREEN } })),
  "room-pages": group(people(20), {}, {}),
  "room-panel": group(lively, {
    waiting: [{ participant_id: "w1", user: { user_id: "wand-a8xn-4m2q", name: "Wanda" } }],
    invited: [{ callId: "i", userId: nobody.user_id, user: nobody }],
    me: { participantId: "me", host: true, hand: 3 },
  }),
  "room-guest": group(people(3, { 0: { host: true } }), { me: { participantId: "me", host: false, hand: null } }),
  "room-waiting": group(people(3), {
    waiting: [
      { participant_id: "w1", user: { user_id: "wand-a8xn-4m2q", name: "Wanda" } },
      { participant_id: "w2", user: nobody },
    ],
  }),
  "room-sharing": group(people(3), {}, { devices: { ...on, screen: "on", screenAudio: true } }),
  "room-add": group(
    people(2),
    { room, invited: [{ callId: "i", userId: nobody.user_id, user: nobody }] },
    known(CONTACTS),
  ),
  "room-add-link": group(people(2)),
  "call-sharing": inCall({}, { devices: { ...on, screen: "on" } }),
  "room-pair": group(people(1, { 0: { hand: 1 } }), {
    callId: null,
    path: "direct",
    reason: "direct_ready",
    me: { participantId: "me", host: true, hand: 2 },
    reactions: [{ id: 1, participantId: "me", reaction: "party" }],
  }),
  "call-chat": inCall({ chat: { ...CHAT, seen: 10 } }),
  "call-chat-empty": inCall({ chat: { ...NO_CHAT, loaded: true } }),
  "call-chat-problem": inCall(
    {
      chat: {
        ...CHAT,
        seen: 10,
        outgoing: [
          { messageId: "a", text: "This one the server could not save.", file: null, problem: "not_saved" },
          { messageId: "b", text: "And this one waits.", file: null, problem: null },
        ],
      },
    },
    { connection: "down" },
  ),
  "call-files": inCall(
    {
      chat: {
        ...CHAT,
        seen: 20,
        messages: [...CHAT.messages.slice(-2), ...FILES],
        outgoing: [
          { messageId: "a", text: "Here is the plan", file: aFile("sending", 14_000_000), problem: null },
          { messageId: "b", text: "", file: aFile("waits", 0), problem: "no_space" },
        ],
      },
    },
    { fileBytesMax: 25 << 20 },
  ),
  "call-unread": inCall({ chat: { ...CHAT, seen: 4 } }),
  "room-chat": group(lively, { chat: { ...CHAT, seen: 10 } }),
  "home-past_chat": {
    ...base,
    ...history(CALLS),
    pastChat: { callId: "Cleo 5", messages: MESSAGES, more: true, asking: false },
  },
  "home-report": {
    ...base,
    me: { userId: BOB, name: "Bob" },
    ...history(CALLS),
    report: { callId: "Cleo 5", report: aCall(), asking: false },
  },
  "home-report-none": { ...base, ...history(CALLS), report: { callId: "Cleo 5", report: null, asking: false } },
  "room-alone": group([], { callId: null, speakers: [] }),
  "signed-out": { ...base, connection: "signed_out", me: null },
  "sign-in": { ...base, connection: "signed_out", me: null },
  "sign-in-fault": { ...base, connection: "signed_out", me: null },
  "sign-in-guest": { ...base, connection: "signed_out", me: null },
  "home-signed-in": base,
  "home-pair-dialog": base,
  "home-pair-used-dialog": base,
  "home-pair-over-dialog": base,
  "home-take-pairing-dialog": base,
  "home-browsers-dialog": base,
  "home-take-pairing-wrong-dialog": base,
  "home-take-pairing-seen-dialog": base,
  "home-open": base,
  "home-guest": { ...base, grants: { ...ALL, room: "q3vk8m2xw7rtd", guest: true, create: false } },
  "home-of-one-room": { ...base, grants: { ...ALL, room: "q3vk8m2xw7rtd", create: false, rename: false } },
  "ended-hung-up": ended({}),
  "ended-missed": ended({ direction: "incoming", reason: "no_answer", durationMs: 0 }),
  "ended-left": ended({ callId: null, reason: "left", byMe: true, linkId: "q3vk8m2xw7rtd" }),
  "ended-refused": ended({
    callId: null,
    reason: "refused",
    user: NOBODY,
    linkId: "q3vk8m2xw7rtd",
    durationMs: 0,
  }),
  "ended-unreachable": ended({ reason: "unreachable", user: nobody, durationMs: 0 }),
};

const FOUND: Findings = {
  udp: "yes",
  tcp: "yes",
  tls: "yes",
  measured: { roundTripMs: 38, loss: 0.004, upBitrateBps: 2_140_000, upIsFloor: false },
  microphone: "ready",
  camera: "ready",
};

function showCheck(findings: Findings, done = true): void {
  check.value = { asks: true, findings, done };
  openDialog.value = "check";
}

function openChat(): void {
  openPanel.value = "chat";
}

function openReport(): void {
  openDialog.value = "report";
}

/** What lies beside the state. */
const BESIDE: Record<string, () => void> = {
  "room-speaker": () => changeSettings({ layout: "speaker" }),
  "call-chat": openChat,
  "call-chat-empty": openChat,
  "call-chat-problem": openChat,
  "call-files": openChat,
  "room-chat": openChat,
  "home-past_chat": () => {
    openDialog.value = "past_chat";
  },
  "home-report": openReport,
  "home-report-none": openReport,
  "room-panel": () => {
    openPanel.value = "participants";
  },
  "home-calls-forget": () => {
    openDialog.value = "forget";
  },
  "home-contact-dialog": () => {
    openDialog.value = "contact";
  },
  "home-block-dialog": () => {
    blocking.value = berta;
    openDialog.value = "block";
  },
  "home-blocked-dialog": () => {
    openDialog.value = "blocked";
  },
  "room-add": () => {
    openDialog.value = "add";
  },
  "room-add-link": () => {
    openDialog.value = "add";
  },
  "signed-out": () => {
    signInWay.value = { mode: "token", url: "https://intranet.example.org/calls" };
  },
  "sign-in": () => {
    signInWay.value = { mode: "oidc", url: "/auth/sign-in", guests: false };
  },
  "sign-in-fault": () => {
    signInWay.value = { mode: "oidc", url: "/auth/sign-in", guests: false };
    signInFault.value = "attempt";
  },
  "sign-in-guest": () => {
    globalThis.history.replaceState(null, "", "/r/q3vk8m2xw7rtd");
    signInWay.value = { mode: "oidc", url: "/auth/sign-in", guests: true };
  },
  "home-open": () => {
    signInWay.value = { mode: "open" };
  },
  "home-pair-dialog": () => {
    shown.value = { kind: "code", code: "k7mq2-xwd9h", until: Date.parse("2026-11-26T18:05:00") };
    openDialog.value = "pair";
  },
  "home-pair-used-dialog": () => {
    shown.value = { kind: "used", device: "Safari, iPhone" };
    openDialog.value = "pair";
  },
  "home-pair-over-dialog": () => {
    shown.value = { kind: "over" };
    openDialog.value = "pair";
  },
  "home-browsers-dialog": () => {
    const browser = (id: string, name: string, days: number) => ({
      browser_id: id,
      name,
      added_at_ms: Date.now() - 90 * 86_400_000,
      seen_at_ms: Date.now() - days * 86_400_000,
      is_this: id === "1",
    });
    const list = [browser("1", "Firefox, Linux", 0), browser("2", "Chrome, Android", 1), browser("3", "", 40)];
    signedIn.value = { list, leaving: new Set(), problem: null };
    openDialog.value = "browsers";
  },
  "home-take-pairing-dialog": () => {
    openDialog.value = "take_pairing";
  },
  "home-take-pairing-wrong-dialog": () => {
    taken.value = { kind: "typing", problem: "no_such_code" };
    openDialog.value = "take_pairing";
  },
  "home-take-pairing-seen-dialog": () => {
    taken.value = { kind: "seen", code: "k7mq2xwd9h", user: berta };
    openDialog.value = "take_pairing";
  },
  "home-signed-in": () => {
    signInWay.value = { mode: "oidc", url: "/auth/sign-in", guests: false };
  },
  "home-guest": () => {
    signInWay.value = { mode: "oidc", url: "/auth/sign-in", guests: true };
  },
  "incoming-quiet": () => changeSettings({ doNotDisturb: true }),
  "call-speaking-muted": () => {
    speakingMuted.value = true;
  },
  call: () => {
    quality.value = { grade: "good", side: null };
  },
  "call-fair": () => {
    quality.value = { grade: "fair", side: "way" };
  },
  "call-poor": () => {
    quality.value = { grade: "poor", side: "mine" };
  },
  "call-toast": () => {
    toast(text("switched_to", { device: "USB headset" }));
    systemMuted.value = { microphone: true, camera: false };
  },
  "devices-home": () => {
    openDialog.value = "devices";
  },
  help: () => {
    openDialog.value = "help";
  },
  "check-running": () => {
    showCheck({ ...NOTHING_FOUND, udp: "yes", microphone: "ready", camera: "ready" }, false);
  },
  "check-good": () => showCheck(FOUND),
  "check-bad": () =>
    showCheck({
      udp: "no",
      tcp: "yes",
      tls: "not_offered",
      measured: { roundTripMs: 412, loss: 0.14, upBitrateBps: 120_000, upIsFloor: false },
      microphone: "denied",
      camera: "missing",
    }),
  "check-firefox": () =>
    showCheck({
      ...FOUND,
      measured: { roundTripMs: 24, loss: null, upBitrateBps: 1_310_000, upIsFloor: true },
      camera: "asks",
      microphone: "asks",
    }),
  "home-check-notice": () => {
    showCheck({ ...FOUND, udp: "no", microphone: "missing" });
    openDialog.value = null;
  },
  "devices-call": () => {
    level.value = 0.6;
    openDialog.value = "devices";
  },
};

/** A moving picture without a camera. */
function fakeVideo(hue: number): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 1280;
  canvas.height = 720;
  const context = canvas.getContext("2d");
  const draw = () => {
    if (context === null) return;
    const gradient = context.createLinearGradient(0, 0, 1280, 720);
    gradient.addColorStop(0, `hsl(${hue} 35% 55%)`);
    gradient.addColorStop(1, `hsl(${hue + 40} 40% 30%)`);
    context.fillStyle = gradient;
    context.fillRect(0, 0, 1280, 720);
    context.fillStyle = `hsl(${hue + 20} 30% 20%)`;
    context.beginPath();
    context.ellipse(640, 760, 330, 330, 0, 0, 7);
    context.fill();
    context.fillStyle = "#d9b38c";
    context.beginPath();
    context.ellipse(640, 310, 120 + Math.sin(Date.now() / 500) * 2, 150, 0, 0, 7);
    context.fill();
  };
  setInterval(draw, 100);
  draw();
  return canvas.captureStream(10);
}

/** Something like a document. */
function fakeScreen(): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = 1600;
  canvas.height = 1000;
  const context = canvas.getContext("2d");
  const draw = () => {
    if (context === null) return;
    context.fillStyle = "#f4f5f7";
    context.fillRect(0, 0, 1600, 1000);
    context.fillStyle = "#2f3a4f";
    context.fillRect(0, 0, 1600, 70);
    context.fillStyle = "#fff";
    context.fillRect(300, 130, 1000, 870);
    context.fillStyle = "#3a4150";
    context.fillRect(380, 210, 520, 34);
    context.fillStyle = "#9aa3b2";
    for (let line = 0; line < 20; line += 1) context.fillRect(380, 300 + line * 34, 640 + ((line * 97) % 200), 12);
    context.fillStyle = "#2457d6";
    context.fillRect(380 + ((Date.now() / 50) % 600), 300, 4, 22);
  };
  setInterval(draw, 100);
  draw();
  return canvas.captureStream(10);
}

function remoteOf({ phase }: AppState): RemoteTracks {
  const remote = new Map<string, Partial<Record<Source, RemoteTrack>>>();
  const others = phase.kind === "in_call" ? phase.others : [];
  others.forEach(({ participant_id, sources }, place) => {
    const [track] = fakeVideo(200 + 40 * place).getVideoTracks();
    const [screen] = sources.includes("screen") ? fakeScreen().getVideoTracks() : [];
    const tracks: Partial<Record<Source, RemoteTrack>> = {};
    if (track) tracks.camera = { track, paused: place === 6 };
    if (screen) tracks.screen = { track: screen, paused: false };
    remote.set(participant_id, tracks);
  });
  return remote;
}

const root = document.getElementById("app");
if (root === null) throw new Error("gallery.html has an element #app");
const query = new URLSearchParams(location.search);
const show = query.get("show");
changeSettings({ language: LANGUAGES.find((one) => one === query.get("language")) ?? null });
markLanguage(document.documentElement);
const state = show === null ? undefined : STATES[show];
if (state === undefined) {
  const links = Object.keys(STATES).map((name) => (
    <li key={name}>
      <a href={`?show=${name}`}>{name}</a>
    </li>
  ));
  render(<ul id="states">{links}</ul>, root);
} else {
  const devices = state.devices;
  BESIDE[show ?? ""]?.();
  render(
    <AppView
      state={signal(state)}
      remote={signal(remoteOf(state))}
      selfStream={signal(devices.camera === "on" ? fakeVideo(20) : null)}
      selfScreen={signal(devices.screen === "on" ? fakeScreen() : null)}
      setView={(tiles) => console.info("view", tiles)}
      send={(input) => console.info("input", input)}
      switchDevice={(device) => console.info("switch", device)}
      checkConnection={() => console.info("check")}
      browsers={{ ask: () => console.info("browsers"), signOut: (id) => console.info("sign out", id) }}
      pairer={{
        show: () => console.info("pair"),
        hide: () => {},
        look: (code) => console.info("look", code),
        take: () => console.info("take"),
      }}
      beGuest={(linkId) => console.info("guest", linkId)}
    />,
    root,
  );
}
