/** The part of the state machine in which it rings at a page that is at the door of a room. */

import { type AppState, type Effect, NO_DEVICES, type Phase, type Ring, type Step } from "./state";
import { goHome, only, send } from "./steps";

/** It rings no more, and what was connected for the answer is closed. */
export const SILENCE: readonly Effect[] = [
  { kind: "ring", tone: null, name: "" },
  { kind: "stop_media", farewell: false },
];

/** What rings here and was not answered. */
export function ringOf(phase: Phase): Ring | null {
  if (phase.kind !== "incoming" || phase.answeredAt !== null) return null;
  const { callId, roomId, user } = phase;
  return { callId, roomId, user };
}

/** It begins to ring. The door stays: whoever stands before it came to go in. */
export function ringsAtTheDoor(state: AppState, ring: Ring, attempt: number): Step {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.entering || phase.rings !== null) return only(state);
  const { user, roomId } = ring;
  return {
    state: { ...state, phase: { ...phase, rings: ring } },
    effects: [
      { kind: "ring", tone: "incoming", name: user.name || user.user_id },
      { kind: "warm_media", roomId, attempt },
    ],
  };
}

/** Away from the door, to what rings there. null: nothing does. */
export function turnToRing(state: AppState): Step | null {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.entering || phase.rings === null) return null;
  const step = goHome(state);
  return {
    ...step,
    state: { ...step.state, devices: NO_DEVICES, phase: { kind: "incoming", ...phase.rings, answeredAt: null } },
  };
}

export function declineAtTheDoor(state: AppState): Step {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.rings === null) return only(state);
  const silent = ringOver(state, phase.rings.callId) ?? only(state);
  return { ...silent, effects: [send({ type: "decline", call_id: phase.rings.callId }), ...silent.effects] };
}

/** It has stopped ringing at the door, or will not be heard of any more. null: this call did not ring there. */
export function ringOver(state: AppState, callId: string | null): Step | null {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.rings === null) return null;
  if (callId !== null && phase.rings.callId !== callId) return null;
  return { state: { ...state, phase: { ...phase, rings: null } }, effects: [...SILENCE] };
}
