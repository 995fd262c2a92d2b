/**
 * What a server does not keep, and a page asks the next one for by itself, once for each server that is gone: whom it rang, and to be let
 * in where it waited. Whoever was rung waits for that in turn.
 */

import type { CallNow, Participant, UserInfo } from "../protocol";
import { lookAt } from "./rooms";
import type { AppState, Effect, InCall, Invited, Phase, Step } from "./state";
import { end, only, send } from "./steps";

type InRoom = Extract<CallNow, { participants: Participant[] }>;
type Of<T extends Phase["kind"]> = Extract<Phase, { kind: T }>;

/** Whoever called comes back within a second or two, as long as they are there. */
const RING_ANEW_MS = 8000;

/** It rang, and rings on: who calls need not know that it is another call. */
export function ringAnew(state: AppState, phase: Of<"calling">): Step {
  const { userId } = phase;
  return {
    state: { ...state, phase: { ...phase, callId: null, roomId: null } },
    effects: [send({ type: "call", user_id: userId, always_through_server: state.alwaysThroughServer })],
  };
}

/** It rang here, and goes on to while the caller may yet ring anew. */
export function awaitRing(state: AppState, phase: Of<"incoming">): Step {
  const { callId } = phase;
  if (state.lostRing === callId) return only(state);
  return {
    state: { ...state, lostRing: callId },
    effects: [{ kind: "await_ring", callId, patienceMs: RING_ANEW_MS }],
  };
}

/** The caller did not come back in time. */
export function ringMissed(state: AppState, callId: string, now: number): Step {
  const { phase } = state;
  if (state.lostRing !== callId) return only(state);
  const over = { ...state, lostRing: null };
  return phase.kind === "incoming" && phase.callId === callId ? end(over, "connection_lost", false, now) : only(over);
}

/** It rings: in place of what rang before? What the user said to that, is said to it. null: it is another one. */
export function takeRing(state: AppState, callId: string, roomId: string, user: UserInfo): Step | null {
  const { phase } = state;
  if (phase.kind !== "incoming" && phase.kind !== "ended") return null;
  if (state.lostRing === null || state.lostRing !== phase.callId || phase.user.user_id !== user.user_id) return null;
  const taken = { ...state, lostRing: null };
  if (phase.kind === "ended") {
    return phase.byMe ? { state: taken, effects: [send({ type: "decline", call_id: callId })] } : null;
  }
  const accepts = send({ type: "accept", call_id: callId, always_through_server: state.alwaysThroughServer });
  return {
    state: { ...taken, phase: { ...phase, callId, roomId } },
    effects: [{ kind: "warm_media", roomId, attempt: 0 }, ...(phase.answeredAt === null ? [] : [accepts])],
  };
}

/** Whom this page rang into a room that outlived its server: they ring anew, unless the server knows of that, or they are in. */
export function inviteAnew(phase: InCall, call: InRoom): { invited: Invited[]; effects: Effect[] } {
  const ringing = call.invitations.map(({ call_id, user }) => ({ callId: call_id, userId: user.user_id, user }));
  const isIn = new Set([...ringing.map(({ userId }) => userId), ...call.participants.map(({ user }) => user.user_id)]);
  const lost = phase.invited.filter(({ userId }) => !isIn.has(userId));
  // One that has no name yet is sent again by the socket.
  const named = lost.filter(({ callId }) => callId !== null);
  return {
    invited: [...ringing, ...lost.map((one) => ({ ...one, callId: null }))],
    effects: named.map(({ userId }) => send({ type: "invite", room_id: phase.roomId, user_id: userId })),
  };
}

/** It waited to be let in, and asks for that with the pass phrase that the user gave. */
export function joinAnew(state: AppState, phase: Of<"lobby">): Step {
  const { linkId, passphrase } = phase;
  return {
    state: {
      ...state,
      phase: { kind: "joining", linkId, link: null, problem: null, entering: true, passphrase, rings: null },
    },
    effects: [
      lookAt(linkId),
      send({ type: "join", link_id: linkId, passphrase, always_through_server: state.alwaysThroughServer }),
    ],
  };
}
