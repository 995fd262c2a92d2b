/** Steps that both halves of the state machine take. */

import { assertNever } from "./assert";
import type { Command } from "./protocol";
import { type AppState, type Effect, type EndedReason, type InCall, NO_DEVICES, type Phase, type Step } from "./state";

/** Ends whatever call there is: devices off, media closed, and the page that says why. */
export function end(state: AppState, reason: EndedReason, byMe: boolean, now: number, commands: Command[] = []): Step {
  const ended = endedPhase(state.phase, reason, byMe, now);
  if (ended === null) return { state, effects: commands.map(send) };
  return {
    state: { ...state, phase: ended, devices: NO_DEVICES },
    effects: [
      ...commands.map(send),
      { kind: "ring", tone: null, name: "" },
      { kind: "stop_media", farewell: byMe && reason === "hung_up" },
      { kind: "remember_call", call: null },
    ],
  };
}

/** Without the server, how long the direct path may try to come back. */
const ORPHAN_MS = 15_000;

/** A direct call whose server, or whose place on it, is gone: it goes on while its media does. */
export function goOnWithoutServer(state: AppState, phase: InCall, patienceMs: number): Step {
  return {
    state: { ...state, phase: { ...phase, serverLost: true } },
    effects: [{ kind: "forget_server", patienceMs }],
  };
}

/** A call without the server goes on only if its media does; all else is over. */
export function sessionLost(state: AppState, now: number): Step {
  const { phase } = state;
  if (phase.kind === "in_call" && phase.path === "direct") {
    return goOnWithoutServer(state, phase, ORPHAN_MS);
  }
  if (phase.kind === "calling" && phase.callId === null) {
    // Nothing was lost: the call has not reached the server yet, and goes to it with the next session.
    const { userId } = phase;
    return {
      state,
      effects: [send({ type: "call", user_id: userId, always_through_server: state.alwaysThroughServer })],
    };
  }
  return end(state, "connection_lost", false, now);
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
    case "joining":
    case "lobby":
      return null;
    case "calling": {
      const user = phase.user ?? { user_id: phase.userId, name: "" };
      return {
        kind: "ended",
        callId: phase.callId,
        reason,
        byMe,
        direction: "outgoing",
        user,
        linkId: null,
        durationMs: 0,
      };
    }
    case "incoming":
      return {
        kind: "ended",
        callId: phase.callId,
        reason,
        byMe,
        direction: "incoming",
        user: phase.user,
        linkId: null,
        durationMs: 0,
      };
    case "in_call": {
      const { callId, direction, user, since } = phase;
      return { kind: "ended", callId, reason, byMe, direction, user, linkId: null, durationMs: now - since };
    }
    default:
      return assertNever(phase);
  }
}
