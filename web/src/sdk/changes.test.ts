import { describe, expect, it } from "vitest";
import { changesIn } from "./changes";
import { freshRoom, type InCall, NO_CHAT, NOBODY, unknownPath } from "./core/state";
import type { Message, Participant } from "./protocol";

const room = { room_id: "r", name: "", locked: false, lobby: false };
const somebody = (participant_id: string, more: Partial<Participant> = {}): Participant => ({
  participant_id,
  user: { user_id: `user ${participant_id}`, name: participant_id },
  sources: [],
  reconnecting: false,
  host: false,
  ...more,
});
const message = (number: number, text = "hello"): Message => ({
  number,
  message_id: `m${number}`,
  user: { user_id: "user a", name: "a" },
  participant_id: "a",
  at_ms: 0,
  text,
  edited: false,
  deleted: false,
});
const inCall = (more: Partial<InCall> = {}): InCall => ({
  kind: "in_call",
  callId: null,
  ...freshRoom(room, "me", false, [somebody("a")]),
  user: NOBODY,
  direction: "outgoing",
  since: 0,
  ...unknownPath(true, false),
  serverLost: false,
  ...more,
});
const told = (before: Partial<InCall>, after: Partial<InCall>) =>
  changesIn(inCall(before), inCall(after)).map((change) =>
    "participant" in change
      ? `${change.kind} ${change.participant.participant_id}`
      : "message" in change
        ? `${change.kind} ${change.message.number}`
        : change.kind,
  );

describe("what has changed in a room", () => {
  it("is nothing where nothing has", () => {
    const same = inCall();
    expect(changesIn(same, same)).toEqual([]);
    expect(told({}, {})).toEqual([]);
  });

  it("is who comes, goes and is another", () => {
    const before = { others: [somebody("a"), somebody("b"), somebody("c")] };
    const after = { others: [somebody("a"), somebody("c", { sources: ["camera"] }), somebody("d")] };
    expect(told(before, after)).toEqual(["left b", "changed c", "joined d"]);
  });

  const chat = (messages: Message[], loaded = true) => ({ chat: { ...NO_CHAT, loaded, messages } });
  const rows: [string, Partial<InCall>, Partial<InCall>, string[]][] = [
    ["what is written", chat([message(1)]), chat([message(1), message(2)]), ["message 2"]],
    ["what is written before anything was loaded", chat([], false), chat([message(7)], false), ["message 7"]],
    ["no older page", chat([message(5)]), chat([message(4), message(5)]), []],
    ["not what was there at the first look", chat([], false), chat([message(1), message(2)]), []],
    ["an edit", chat([message(1)]), chat([message(1, "hallo")]), ["message_changed 1"]],
    ["who speaks", {}, { speakers: ["a"] }, ["speakers"]],
    ["the path", {}, { path: "direct", reason: "first_media" }, ["path"]],
    ["what this page is", {}, { me: { participantId: "me", host: true, hand: null } }, ["me"]],
    ["the room", {}, { room: { ...room, locked: true } }, ["room"]],
    ["who waits", {}, { waiting: [{ participant_id: "w", user: NOBODY }] }, ["waiting"]],
    [
      "a reaction, once",
      { reactions: [{ id: 1, participantId: "a", reaction: "heart" }] },
      {
        reactions: [
          { id: 1, participantId: "a", reaction: "heart" },
          { id: 2, participantId: "a", reaction: "party" },
        ],
      },
      ["reaction"],
    ],
    ["no reaction that fades", { reactions: [{ id: 1, participantId: "a", reaction: "heart" }] }, {}, []],
  ];
  it.each(rows)("is %s", (_, before, after, changes) => {
    expect(told(before, after)).toEqual(changes);
  });
});
