/** Steps that both halves of the state machine take. */

import { assertNever } from "./assert";
import type { Command } from "./protocol";
import { type AppState, type Effect, type EndedReason, NO_DEVICES, type Phase, type Step } from "./state";

/** Ends whatever call there is: devices off, media closed, and the page that says why. */
export function end(state: AppState, reason: EndedReason, byMe: boolean, now: number, commands: Command[] = []): Step {
  const ended = endedPhase(state.phase, reason, byMe, now);
  if (ended === null) return { state, effects: commands.map(send) };
  return {
    state: { ...state, phase: ended, devices: NO_DEVICES },
    effects: [
      ...commands.map(send),
      { kind: "ring", tone: null, name: "" },
      { kind: "stop_media" },
      { kind: "remember_call", command: null },
      { kind: "hold_resume", on: false },
    ],
  };
}

export function send(command: Command): Effect {
  return { kind: "send", command };
}

export function only(state: AppState): Step {
  return { state, effects: [] };
}

function endedPhase(phase: Phase, reason: EndedReason, byMe: boolean, now: number): Phase | null {
  switch (phase.kind) {
    case "home":
    case "ended":
      return null;
    case "calling": {
      const user = phase.user ?? { user_id: phase.userId, name: "" };
      return { kind: "ended", callId: phase.callId, reason, byMe, direction: "outgoing", user, durationMs: 0 };
    }
    case "incoming":
      return {
        kind: "ended",
        callId: phase.callId,
        reason,
        byMe,
        direction: "incoming",
        user: phase.user,
        durationMs: 0,
      };
    case "in_call": {
      const { callId, direction, user, since } = phase;
      return { kind: "ended", callId, reason, byMe, direction, user, durationMs: now - since };
    }
    default:
      return assertNever(phase);
  }
}
