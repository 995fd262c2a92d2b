import { expect, it } from "vitest";
import { type AppState, freshRoom, type InCall, initialState, unknownPath } from "../sdk/core/state";
import { peopleOf } from "./people";

const other = (id: string, hand?: number) => ({
  participant_id: id,
  user: { user_id: id, name: "" },
  sources: ["microphone" as const],
  reconnecting: false,
  host: false,
  ...(hand === undefined ? {} : { hand }),
});
const room = { room_id: "r", name: "", locked: false, lobby: false };
const call: InCall = {
  kind: "in_call",
  callId: null,
  ...freshRoom(room, "me", true, [other("a", 7), other("b"), other("c", 4)]),
  me: { participantId: "me", host: true, hand: 9 },
  user: { user_id: "a", name: "" },
  direction: "outgoing",
  since: 0,
  ...unknownPath(false, false),
  speakers: ["c", "me"],
  reactions: [{ id: 1, participantId: "b", reaction: "heart" }],
  serverLost: false,
};
const state: AppState = { ...initialState(null, false), me: { userId: "u", name: "Ada" }, phase: call };

it("counts raised hands in their order, whatever went down before", () => {
  expect(peopleOf(state, call).map(({ participantId, hand }) => [participantId, hand])).toEqual([
    ["me", 3],
    ["a", 2],
    ["b", null],
    ["c", 1],
  ]);
});

it("knows who speaks and who reacted, oneself included", () => {
  const people = peopleOf(state, call);
  expect(people.filter((one) => one.speaking).map((one) => one.participantId)).toEqual(["me", "c"]);
  expect(people.find((one) => one.participantId === "b")?.reactions).toHaveLength(1);
  expect(people[0]).toMatchObject({ isMe: true, name: "You", user: { name: "Ada" }, microphone: false });
});
