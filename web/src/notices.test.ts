import { expect, it } from "vitest";
import { noticeOf } from "./notices";
import { type AppState, freshRoom, type InCall, initialState, unknownPath } from "./sdk/core/state";
import type { Command, Event } from "./sdk/protocol";

const berta = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const cleo = { user_id: "c1e0-a8xn-4m2q", name: "Cleo" };
const other = { participant_id: "p", user: berta, sources: [], reconnecting: false, host: true };
const call: InCall = {
  kind: "in_call",
  callId: "c",
  ...freshRoom({ room_id: "r", name: "", locked: false, lobby: false }, "me", false, [other]),
  user: berta,
  direction: "outgoing",
  since: 0,
  ...unknownPath(true, false),
  serverLost: false,
};
const rings = { callId: "i", userId: cleo.user_id, user: cleo };
const unnamed = { callId: null, userId: cleo.user_id, user: null };
const muted = (source: "microphone" | "camera" | "screen"): Event => ({ type: "muted", room_id: "r", by: "p", source });
const ended = (call_id: string, reason: "busy" | "unreachable" | "cancelled"): Event => ({
  type: "call_ended",
  call_id,
  reason,
  duration_ms: 0,
});
const missed = (reason: "busy" | "no_answer"): Event => ({
  type: "history_changed",
  missed: 1,
  row: {
    call_id: "m",
    user: cleo,
    direction: "received",
    rang_at_ms: 1,
    reason,
    answered: false,
    talked_ms: 0,
    missed: true,
    seen: false,
    chat: false,
    report: false,
  },
});

it.each<[string, InCall["invited"], Event, Command["type"] | null, string | null]>([
  ["muted by a host", [], muted("microphone"), null, "Berta muted you. You can unmute yourself."],
  ["the camera too", [], muted("camera"), null, "Berta turned your camera off. You can turn it on again."],
  ["and the screen", [], muted("screen"), null, "Berta stopped your screen."],
  ["another room's is not ours", [], { ...muted("screen"), room_id: "x" } as Event, null, null],
  ["somebody called meanwhile", [], missed("busy"), null, "Cleo tried to call you"],
  ["a call that rang is told where it rang", [], missed("no_answer"), null, null],
  ["who was invited is busy", [rings], ended("i", "busy"), null, "Cleo is in another call"],
  [
    "or cannot be reached, before it rang",
    [unnamed],
    ended("new", "unreachable"),
    "invite",
    "c1e0-a8xn-4m2q cannot be reached",
  ],
  ["what was taken back is known", [rings], ended("i", "cancelled"), null, null],
  ["the own call has a page of its own", [rings], ended("c", "busy"), null, null],
  ["a call that is nobody's here", [unnamed], ended("x", "busy"), null, null],
])("%s", (_, invited, event, answers, words) => {
  const state: AppState = { ...initialState(null, false), phase: { ...call, invited } };
  expect(noticeOf(state, event, answers)).toBe(words);
});
