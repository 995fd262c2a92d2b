import { expect, it } from "vitest";
import { announcement } from "./announce";
import {
  type AppState,
  freshRoom,
  type InCall,
  initialState,
  NO_CHAT,
  type Phase,
  unknownPath,
} from "./sdk/core/state";
import type { Message } from "./sdk/protocol";

const user = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const other = {
  participant_id: "p",
  user,
  sources: ["microphone" as const, "camera" as const],
  reconnecting: false,
  host: false,
};
const room = { room_id: "r", name: "", locked: false, lobby: false };
const call: InCall = {
  kind: "in_call",
  callId: "c",
  ...freshRoom(room, "me", true, [other]),
  user,
  direction: "outgoing",
  since: 0,
  ...unknownPath(true, false),
  path: "direct",
  direct: { outcome: "broken", here: "outside", there: "outside" },
  serverLost: false,
};
const cleo = { ...other, participant_id: "c", user: { user_id: "c1e0-a8xn-4m2q", name: "Cleo" } };
const SCREEN = ["microphone" as const, "camera" as const, "screen" as const];
const withHand = (hand: number): InCall => ({ ...call, others: [{ ...other, hand }] });
const message = (number: number, by: typeof user, text: string, deleted = false): Message => ({
  number,
  message_id: `m${number}`,
  user: by,
  participant_id: "p",
  at_ms: 0,
  text,
  edited: false,
  deleted,
});
const withChat = (...messages: Message[]): InCall => ({ ...call, chat: { ...NO_CHAT, loaded: true, messages } });
const calling: Phase = { kind: "calling", userId: user.user_id, user, callId: null, roomId: null };
const incoming: Phase = { kind: "incoming", callId: "c", roomId: "r", user, answeredAt: null };
const ended: Phase = {
  kind: "ended",
  callId: "c",
  reason: "declined",
  direction: "outgoing",
  byMe: false,
  user,
  linkId: null,
  durationMs: 0,
};
const home: Phase = { kind: "home" };
const at = (phase: Phase): AppState => ({ ...initialState(null, false), phase });

it.each<[string, Phase, Phase, string | null]>([
  ["I call", home, calling, "Calling Berta…"],
  ["it rings there", calling, { ...calling, callId: "c" }, "Ringing Berta…"],
  ["it rings here", home, incoming, "Berta is calling"],
  ["answered", { ...calling, callId: "c" }, call, "In a call with Berta"],
  ["answering says nothing more", incoming, { ...incoming, answeredAt: 7 }, null],
  ["ended, with the reason", { ...calling, callId: "c" }, ended, "Berta declined"],
  ["home again", ended, home, null],
  [
    "another path, and why",
    call,
    { ...call, path: "forwarded", reason: "direct_lost", roundTripMs: 38 },
    "Through your server: the direct connection broke, and is tried again",
  ],
  ["a round trip is no news", call, { ...call, roundTripMs: 30 }, null],
  ["the other reconnects", call, { ...call, others: [{ ...other, reconnecting: true }] }, "Berta is reconnecting…"],
  ["and is back", { ...call, others: [{ ...other, reconnecting: true }] }, call, "Berta is back"],
  ["the other mutes", call, { ...call, others: [{ ...other, sources: ["camera"] }] }, "Berta is muted"],
  [
    "the camera goes off",
    call,
    { ...call, others: [{ ...other, sources: ["microphone"] }] },
    "Berta turned the camera off",
  ],
  ["somebody comes in", call, { ...call, others: [other, cleo] }, "Cleo joined"],
  ["and goes", { ...call, others: [other, cleo] }, call, "Cleo left"],
  ["a hand goes up", call, { ...call, others: [{ ...other, hand: 1 }] }, "Berta raised a hand"],
  ["but the next one's place is no news", withHand(2), withHand(1), null],
  ["somebody waits", call, { ...call, waiting: [{ participant_id: "w", user: cleo.user }] }, "Cleo waits to be let in"],
  ["a screen comes up", call, { ...call, others: [{ ...other, sources: SCREEN }] }, "Berta shows a screen"],
  ["the door is locked", call, { ...call, room: { ...room, locked: true } }, "The room is locked"],
  ["I become a host", { ...call, me: { ...call.me, host: false } }, call, "You are a host now"],
  ["a message is read", withChat(), withChat(message(1, user, "Hello")), "Berta: Hello"],
  ["a long one in part", withChat(), withChat(message(1, user, "x".repeat(999))), `Berta: ${"x".repeat(140)}…`],
  ["one's own is not", withChat(), withChat(message(1, { user_id: "me", name: "Me" }, "Hello")), null],
  ["nor what was there before", call, withChat(message(1, user, "Hello")), null],
  ["nor what was taken away", withChat(message(1, user, "a")), withChat(message(1, user, "", true)), null],
  [
    "among many a muted one is no news",
    { ...call, others: [other, cleo] },
    { ...call, others: [{ ...other, sources: [] }, cleo] },
    null,
  ],
])("%s", (_, before, after, words) => expect(announcement(at(before), at(after))).toBe(words));
