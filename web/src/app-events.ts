/** The half of the state machine that answers the server's events. */

import { end, only, send } from "./app-steps";
import { assertNever } from "./assert";
import type { Command, Event } from "./protocol";
import { type AppState, type Effect, type InCall, type MediaEvent, type Step, sourcesOn } from "./state";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

export function handleEvent(state: AppState, event: Event, answers: Command["type"] | null, now: number): Step {
  const { phase } = state;
  switch (event.type) {
    case "welcome":
      return only({
        ...state,
        connection: "up",
        me: { userId: event.user_id, name: event.name },
        iceServers: event.ice_servers,
      });
    case "pong":
      return only(state);
    case "server_stopping":
      return only({ ...state, connection: "stopping" });
    case "name_changed":
      return only(state.me ? { ...state, me: { ...state.me, name: event.name } } : state);
    case "error":
      return refused(state, event, answers);
    case "call_ringing":
      return ringing(state, event);
    case "incoming_call":
      return incoming(state, event);
    case "call_answered":
      return answered(state, event, now);
    case "answered_elsewhere":
      if (phase.kind !== "incoming" || phase.callId !== event.call_id) return only(state);
      return end(state, "answered_elsewhere", false, now);
    case "call_ended":
      return ended(state, event, now);
    case "participant_changed": {
      if (phase.kind !== "in_call" || phase.roomId !== event.room_id) return only(state);
      return forMedia({ ...state, phase: { ...phase, other: event.participant, user: event.participant.user } }, event);
    }
    case "offer_answered":
    case "slots_changed":
    case "layers_wanted":
    case "transport_lost":
    case "signaled":
    case "path_requested":
    case "path_changed":
      return forMedia(state, event);
    default:
      return assertNever(event);
  }
}

/** Media events of a room that this page is not in are late ones of a call that is over. */
function forMedia(state: AppState, event: MediaEvent): Step {
  const { phase } = state;
  const roomId = "roomId" in phase ? phase.roomId : null;
  return roomId === event.room_id ? { state, effects: [{ kind: "media_event", event }] } : only(state);
}

/**
 * Only commands that the user gave are worth words: `hang_up` of a call that just ended is refused too, and that is well.
 */
function refused(state: AppState, event: Of<"error">, answers: Command["type"] | null): Step {
  const { phase } = state;
  if (answers === "call") {
    if (state.abandoned > 0) return only({ ...state, abandoned: state.abandoned - 1 });
    if (phase.kind !== "calling") return only(state);
    return {
      state: {
        ...state,
        refused: event.code,
        phase: { kind: "home" },
        devices: { microphone: "none", camera: "none", problems: [] },
      },
      effects: [{ kind: "ring", tone: null, name: "" }, { kind: "stop_media" }],
    };
  }
  if (answers === "accept" && phase.kind === "incoming") {
    return {
      state: {
        ...state,
        refused: event.code,
        phase: { kind: "home" },
        devices: { microphone: "none", camera: "none", problems: [] },
      },
      effects: [{ kind: "ring", tone: null, name: "" }, { kind: "stop_media" }],
    };
  }
  if (answers === "set_name" || answers === "hello") return only({ ...state, refused: event.code });
  return only(state);
}

function ringing(state: AppState, event: Of<"call_ringing">): Step {
  const { phase } = state;
  const cancel: Command = { type: "cancel", call_id: event.call_id };
  if (state.abandoned > 0) {
    return {
      state: { ...state, abandoned: state.abandoned - 1, takenBack: event.call_id },
      effects: [send(cancel)],
    };
  }
  if (phase.kind !== "calling" || phase.callId !== null) return only(state);
  return {
    state: { ...state, phase: { ...phase, callId: event.call_id, roomId: event.room_id, user: event.user } },
    effects: [
      { kind: "ring", tone: "outgoing", name: event.user.name },
      { kind: "warm_media", roomId: event.room_id },
      { kind: "remember_call", command: cancel },
    ],
  };
}

/** While this page calls or talks the server lets nobody else ring here; a crossing call is settled by `call_answered`. */
function incoming(state: AppState, event: Of<"incoming_call">): Step {
  const { phase } = state;
  if (phase.kind !== "home" && phase.kind !== "ended") return only(state);
  return {
    state: {
      ...state,
      refused: null,
      devices: { microphone: "none", camera: "none", problems: [] },
      phase: {
        kind: "incoming",
        callId: event.call_id,
        roomId: event.room_id,
        user: event.user,
        answeredAt: null,
      },
    },
    effects: [
      { kind: "hold_resume", on: true },
      { kind: "ring", tone: "incoming", name: event.user.name || event.user.user_id },
      { kind: "warm_media", roomId: event.room_id },
    ],
  };
}

function answered(state: AppState, event: Of<"call_answered">, now: number): Step {
  const { phase } = state;
  const hangUp: Command = { type: "hang_up", call_id: event.call_id };
  const ours = phase.kind === "calling" || (phase.kind === "incoming" && phase.callId === event.call_id);
  if (!ours || state.abandoned > 0) {
    // The answer crossed our taking back. Two tabs of one user can both be here, so only a call that was ours is hung up.
    const takenBack = state.abandoned > 0 || (phase.kind === "ended" && phase.callId === event.call_id);
    if (!takenBack) return only(state);
    return { state: { ...state, abandoned: Math.max(0, state.abandoned - 1) }, effects: [send(hangUp)] };
  }
  const other = event.participants[0] ?? null;
  const user = other?.user ?? phase.user ?? { user_id: phase.kind === "calling" ? phase.userId : "", name: "" };
  const since = phase.kind === "incoming" && phase.answeredAt !== null ? phase.answeredAt : now;
  const call: InCall = {
    kind: "in_call",
    callId: event.call_id,
    roomId: event.room_id,
    user,
    direction: phase.kind === "calling" ? "outgoing" : "incoming",
    other,
    since: now,
    path: null,
    roundTripMs: null,
    alwaysThroughServer: !event.direct,
    serverLost: false,
  };
  const effects: Effect[] = [
    { kind: "ring", tone: null, name: "" },
    {
      kind: "join_media",
      roomId: event.room_id,
      other,
      direct: event.direct,
      polite: event.polite,
      answeredAt: since,
    },
    send({ type: "publish", room_id: event.room_id, sources: sourcesOn(state.devices) }),
    { kind: "remember_call", command: hangUp },
    { kind: "hold_resume", on: false },
  ];
  return { state: { ...state, phase: call }, effects };
}

function ended(state: AppState, event: Of<"call_ended">, now: number): Step {
  const { phase } = state;
  const callId = "callId" in phase ? phase.callId : null;
  if (state.takenBack === event.call_id) return only({ ...state, takenBack: null });
  if (phase.kind === "ended") {
    if (callId === event.call_id) {
      // Ended here already; the server's measure of the duration is the one that both sides see.
      return only({ ...state, phase: { ...phase, durationMs: event.duration_ms || phase.durationMs } });
    }
    return only({ ...state, abandoned: Math.max(0, state.abandoned - 1) });
  }
  if (phase.kind === "home") return only({ ...state, abandoned: Math.max(0, state.abandoned - 1) });
  // An unreachable or busy user's call ends before it has rung, so this is the first time its id is heard.
  const first = phase.kind === "calling" && callId === null;
  if (first && state.abandoned > 0) return only({ ...state, abandoned: state.abandoned - 1 });
  if (callId !== event.call_id && !first) return only(state);
  const step = end(state, event.reason, false, now);
  if (step.state.phase.kind !== "ended") return step;
  const { durationMs } = step.state.phase;
  return {
    ...step,
    state: {
      ...step.state,
      phase: { ...step.state.phase, callId: event.call_id, durationMs: event.duration_ms || durationMs },
    },
  };
}
