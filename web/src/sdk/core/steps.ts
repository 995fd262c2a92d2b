/** Steps that both halves of the state machine take. */

import { assertNever } from "../assert";
import type { Command } from "../protocol";
import {
  type AppState,
  type Chat,
  type Devices,
  type Effect,
  type EndedReason,
  type InCall,
  type LinkProblem,
  NO_DEVICES,
  NOBODY,
  type Phase,
  type Step,
  sourcesOn,
} from "./state";

/** Whether it ends for both when one hangs up, as on a phone: two people, and nobody who could come in by a link. */
export function isPhoneCall(phase: Phase): phase is InCall {
  return (
    phase.kind === "in_call" && phase.callId !== null && phase.others.length === 1 && phase.room.link_id === undefined
  );
}

const ASK_AGAIN_MS = 10_000;

/** What a page shows from the beginning is not to stay away because the store was, in that moment. */
export function askAgain(kind: "list_history" | "list_people"): Effect {
  return { kind: "ask_again", input: { kind }, afterMs: ASK_AGAIN_MS };
}

/** Ends whatever call there is: devices off, media closed, and the page that says why. */
export function end(state: AppState, reason: EndedReason, byMe: boolean, now: number, commands: Command[] = []): Step {
  const ended = endedPhase(state.phase, reason, byMe, now);
  if (ended === null) return { state, effects: commands.map(send) };
  return {
    state: { ...state, phase: ended, devices: NO_DEVICES },
    effects: [
      ...commands.map(send),
      { kind: "ring", tone: null, name: "" },
      { kind: "stop_media", farewell: byMe && reason === "hung_up" && isPhoneCall(state.phase) },
      { kind: "remember_call", call: null },
    ],
  };
}

/** Without the server, how long the direct path may try to come back. */
const ORPHAN_MS = 15_000;

/** Without the server nothing more is kept. */
function chatWithoutServer(chat: Chat): Chat {
  return { ...chat, outgoing: chat.outgoing.map((one) => ({ ...one, problem: one.problem ?? "not_saved" })) };
}

/** A direct call whose server, or whose place on it, is gone: it goes on while its media does. */
export function goOnWithoutServer(state: AppState, phase: InCall, patienceMs: number): Step {
  return {
    state: { ...state, phase: { ...phase, serverLost: true, chat: chatWithoutServer(phase.chat) } },
    effects: [{ kind: "forget_server", patienceMs }],
  };
}

/** A call without the server goes on only if its media does; all else is over. */
export function sessionLost(state: AppState, now: number): Step {
  const { phase } = state;
  if (phase.kind === "in_call" && phase.path === "direct" && phase.others.length === 1) {
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
  if (phase.kind === "joining" && phase.entering) return backToTheDoor(state, null);
  return end(state, "connection_lost", false, now);
}

/** Before a link's door again, with what stood in the way. */
export function backToTheDoor(state: AppState, problem: LinkProblem | null): Step {
  const { phase } = state;
  if (phase.kind !== "joining") return only(state);
  return {
    state: { ...state, phase: { ...phase, problem, entering: false }, devices: NO_DEVICES, opensMuted: false },
    effects: [{ kind: "stop_media", farewell: false }],
  };
}

/** Leaves whatever was shown for the home page. */
export function goHome(state: AppState): Step {
  return {
    state: { ...state, phase: { kind: "home" }, link: null, devices: NO_DEVICES, refused: null, opensMuted: false },
    effects: [{ kind: "leave_link" }],
  };
}

/** Takes new device states, and tells the room when what is on has changed. */
export function withDevices(state: AppState, devices: Devices, effects: Effect[] = [], always = false): Step {
  const before = sourcesOn(state.devices);
  const sources = sourcesOn(devices);
  const { phase } = state;
  const all = [...effects];
  if (phase.kind === "in_call") {
    const { microphone, camera } = devices;
    all.push({ kind: "remember_call", call: { roomId: phase.roomId, microphone, camera } });
    if (!phase.serverLost && (always || before.join() !== sources.join())) {
      all.push(send({ type: "publish", room_id: phase.roomId, sources }));
    }
  }
  return { state: { ...state, devices }, effects: all };
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
      return null;
    case "lobby": {
      const { linkId } = phase;
      return {
        kind: "ended",
        callId: null,
        reason,
        byMe,
        direction: "outgoing",
        user: NOBODY,
        linkId,
        durationMs: 0,
      };
    }
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
      const { callId, direction, user, since, room } = phase;
      const linkId = callId === null ? (room.link_id ?? null) : null;
      return { kind: "ended", callId, reason, byMe, direction, user, linkId, durationMs: now - since };
    }
    default:
      return assertNever(phase);
  }
}
