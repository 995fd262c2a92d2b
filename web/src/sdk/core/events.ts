/** The half of the state machine that answers the server's events. */

import { assertNever } from "../assert";
import type { CallNow, Command, ErrorCode, Event, Participant, UserInfo } from "../protocol";
import { awaitRing, inviteAnew, joinAnew, ringAnew, takeRing } from "./anew";
import { chatAfterGap, chatEvent, chatRefused } from "./chat";
import { fileBegun, nextFile } from "./files";
import { historyEvent, historyRefused, listHistory } from "./history";
import { asKnown, peopleAfterGap, peopleEvent, peopleRefused } from "./people";
import { reportEvent, reportRefused } from "./report";
import { ringOver, ringsAtTheDoor } from "./ring";
import {
  atTheDoor,
  inviteEnded,
  inviteRings,
  joinMedia,
  linkCreated,
  linkSeen,
  lobbyEntered,
  roomEvent,
  roomJoined,
  roomLeft,
  roomPhase,
  waitAgain,
} from "./room-events";
import { openLink } from "./rooms";
import {
  type AppState,
  type Devices,
  type Effect,
  freshRoom,
  type InCall,
  type Invited,
  type LinkProblem,
  type MediaEvent,
  NO_CHAT,
  NO_DEVICES,
  type Phase,
  type Step,
  sourcesOn,
  unknownPath,
} from "./state";
import { backToTheDoor, end, goOnWithoutServer, only, send, sessionLost } from "./steps";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

export function handleEvent(
  state: AppState,
  event: Event,
  answers: Command["type"] | null,
  about: string | null,
  now: number,
): Step {
  const { phase } = state;
  switch (event.type) {
    case "welcome":
      return welcome(state, event, now);
    case "pong":
      return only({ ...state, iceServers: event.ice_servers ?? state.iceServers });
    // Of a check, which goes on beside whatever the page does: the page hands its events on.
    case "check_started":
    // Of a pairing, which the page sees to.
    case "pairing_begun":
    case "pairing_seen":
    case "browsers":
    case "signed_out":
    case "pairing_over":
    case "paired":
      return only(state);
    case "server_stopping":
      return only({ ...state, connection: "stopping", saidStopping: true });
    case "name_changed":
      return only(state.me ? { ...state, me: { ...state.me, name: event.name } } : state);
    case "error":
      return refused(state, event, answers, about);
    case "call_ringing":
      return inviteRings(state, event) ?? ringing(state, event);
    case "incoming_call":
      return incoming(state, event.call_id, event.room_id, event.user, 0);
    case "call_answered":
      return answered(state, event, now);
    case "answered_elsewhere":
      if (phase.kind === "joining") return ringOver(state, event.call_id) ?? only(state);
      if (phase.kind !== "incoming" || phase.callId !== event.call_id) return only(state);
      return end(state, "answered_elsewhere", false, now);
    case "call_ended":
      return (
        inviteEnded(state, event.call_id, answers === "invite") ??
        ringOver(state, event.call_id) ??
        ended(state, event, now)
      );
    case "participant_changed":
    case "participant_joined":
    case "participant_left":
    case "direct_changed":
    case "room_changed":
    case "lobby_changed":
    case "muted":
    case "reacted":
    case "speakers_changed":
      return roomEvent(state, event, now);
    case "room_joined":
      return roomJoined(state, event, now);
    case "lobby_entered":
      return lobbyEntered(state, event);
    case "room_left":
      return roomLeft(state, event, now);
    case "link_created":
      return linkCreated(state, event);
    case "links":
      return only({ ...state, links: event.links });
    case "link_seen":
      return linkSeen(state, event);
    case "message":
    case "message_changed":
    case "messages":
      return chatEvent(state, event);
    case "file_begun":
      return fileBegun(state, event);
    case "file_opened":
      // For whoever asked, beside the state.
      return only(state);
    case "history":
    case "history_changed":
    case "history_seen":
    case "history_forgotten":
      return historyEvent(state, event);
    case "call_report":
      return reportEvent(state, event);
    case "people":
    case "contact_changed":
    case "contact_forgotten":
    case "blocked":
    case "unblocked":
    case "settings_changed":
    case "presence_changed":
      return peopleEvent(state, event);
    case "push_subscribed":
    case "push_unsubscribed":
      // For whoever asked, beside the state.
      return only(state);
    case "offer_answered":
    case "slots_changed":
    case "layers_wanted":
    case "transport_lost":
    case "signaled":
    case "path_requested":
      return forMedia(state, event);
    case "path_changed": {
      if (phase.kind !== "in_call" || phase.roomId !== event.room_id) return only(state);
      if (phase.others.length > 1) return forMedia(state, event);
      const otherProtocol = event.path === "forwarded" ? (event.protocol ?? null) : null;
      return forMedia({ ...state, phase: { ...phase, otherProtocol } }, event);
    }
    default:
      return assertNever(event);
  }
}

/**
 * A page that was loaded again learns its call here. One that was there all the time knows it from the events, unless the server
 * was started again: then events are lost, and what the server has is what counts.
 */
function welcome(was: AppState, event: Of<"welcome">, now: number): Step {
  const isFirst = was.bootId === null;
  const restarted = !isFirst && was.bootId !== event.boot_id;
  const state: AppState = {
    ...was,
    connection: "up",
    me: { userId: event.user_id, name: event.name },
    grants: event.grants ?? null,
    iceServers: event.ice_servers,
    bootId: event.boot_id,
    saidStopping: false,
    missed: event.missed ?? was.missed,
    fileBytesMax: event.file_bytes_max ?? null,
  };
  const isNew = restarted || !event.resumed;
  // What came to be kept while this page was away it was not told.
  const ask = state.asked.history && isNew ? [listHistory()] : [];
  const step = welcomed(was, state, event, now);
  return { ...step, effects: [...step.effects, ...ask, ...peopleAfterGap(state, isNew)] };
}

function welcomed(was: AppState, state: AppState, event: Of<"welcome">, now: number): Step {
  const isFirst = was.bootId === null;
  const restarted = !isFirst && was.bootId !== state.bootId;
  const call = event.resumed ? (event.call ?? null) : null;
  const { kind } = state.phase;
  if (isFirst && call !== null && (kind === "home" || kind === "joining")) return comeBack(state, call, now);
  if (restarted && event.resumed) return afterRestart(state, call, was.saidStopping, now);
  // Whose token is for one room has come for that.
  const room = state.grants?.room;
  if (isFirst && kind === "home" && room !== undefined) return openLink(state, room);
  if (isFirst || !event.resumed) return { state, effects: atTheDoor(state) };
  return { state, effects: state.phase.kind === "in_call" ? chatAfterGap(state.phase) : [] };
}

function afterRestart(state: AppState, call: CallNow | null, announced: boolean, now: number): Step {
  const { phase } = state;
  const isSame = call !== null && isOf(call, phase);
  switch (phase.kind) {
    case "home":
    case "ended":
      return only(state);
    case "joining": {
      const over = call?.state === "incoming" ? null : ringOver(state, null);
      return { state: over?.state ?? state, effects: [...(over?.effects ?? []), ...atTheDoor(state)] };
    }
    case "lobby":
      if (call?.state === "joined") return roomJoined(state, { ...call, type: "room_joined" }, now - call.elapsed_ms);
      return call?.state === "waiting" ? waitAgain(state, call.room, call.participant_id) : joinAnew(state, phase);
    case "calling":
    case "incoming":
      // The answer may have been lost on the way.
      if (call?.state === "answered" && (isSame || (phase.kind === "calling" && phase.callId === null))) {
        return answered(state, { ...call, type: "call_answered" }, now);
      }
      // A call that was not named yet is sent again by the socket.
      if (isSame || (phase.kind === "calling" && phase.callId === null)) return only(state);
      if (phase.kind === "calling") return ringAnew(state, phase);
      return ringsAnew(state, phase, call);
    case "in_call":
      if (!isSame || (call?.state !== "answered" && call?.state !== "joined")) return sessionLost(state, now);
      return stayIn(state, phase, call, announced);
    default:
      return assertNever(phase);
  }
}

/** Whoever called may have been there sooner. */
function ringsAnew(state: AppState, phase: Extract<Phase, { kind: "incoming" }>, call: CallNow | null): Step {
  const waits = awaitRing(state, phase);
  if (call?.state !== "incoming") return waits;
  return takeRing(waits.state, call.call_id, call.room_id, call.user) ?? waits;
}

function isOf(call: CallNow, phase: Phase): boolean {
  if (call.state === "joined") return phase.kind === "in_call" && phase.roomId === call.room.room_id;
  return "call_id" in call && "callId" in phase && phase.callId === call.call_id;
}

/** The room outlived the server. Who came or went meanwhile is known from what the server has now. */
function stayIn(
  state: AppState,
  phase: InCall,
  call: Extract<CallNow, { participants: Participant[] }>,
  announced: boolean,
): Step {
  const { room, participant_id, host, direct, polite } = call;
  // Who has not come to the new process yet has said nothing to it of what is on.
  const known = new Map(phase.others.map((one) => [one.participant_id, one.sources]));
  const others = call.participants.map((one) =>
    one.sources.length > 0 ? one : { ...one, sources: known.get(one.participant_id) ?? [] },
  );
  const other = direct ? (others[0]?.participant_id ?? null) : null;
  const me = { ...phase.me, participantId: participant_id, host };
  const { invited, effects } = inviteAnew(phase, call);
  return {
    state: { ...state, phase: { ...phase, room, others, me, invited, waiting: [] } },
    effects: [
      { kind: "server_restarted", announced },
      { kind: "others_changed", others },
      { kind: "set_direct", direct, polite, other },
      send({ type: "publish", room_id: phase.roomId, sources: sourcesOn(state.devices) }),
      ...effects,
      ...chatAfterGap(phase),
    ],
  };
}

/** Whom this page rang into the room before it was loaded again, and still does. */
function stillInvited({ invitations }: Extract<CallNow, { participants: Participant[] }>): Invited[] {
  return invitations.map(({ call_id, user }) => ({ callId: call_id, userId: user.user_id, user }));
}

/** The page was loaded again in mid-call. */
function comeBack(state: AppState, call: CallNow, now: number): Step {
  switch (call.state) {
    case "incoming": {
      const step = incoming(state, call.call_id, call.room_id, call.user, call.attempt);
      return { ...step, effects: [...step.effects, ...atTheDoor(step.state)] };
    }
    case "ringing_out":
      return {
        state: {
          ...state,
          devices: { ...NO_DEVICES, microphone: "opening", camera: "opening" },
          phase: {
            kind: "calling",
            userId: call.user.user_id,
            user: call.user,
            callId: call.call_id,
            roomId: call.room_id,
          },
        },
        effects: [
          { kind: "open_devices", microphone: true, camera: true },
          { kind: "ring", tone: "outgoing", name: call.user.name },
          { kind: "warm_media", roomId: call.room_id, attempt: call.attempt },
        ],
      };
    case "answered":
      return rejoin(state, call, now);
    case "joined":
      return rejoin(state, call, now);
    case "waiting":
      return waitAgain(state, call.room, call.participant_id);
    default:
      return assertNever(call);
  }
}

function rejoin(state: AppState, call: Extract<CallNow, { participants: Participant[] }>, now: number): Step {
  const was = state.remembered?.roomId === call.room.room_id ? state.remembered : null;
  const microphone = was?.microphone !== "none";
  const camera = was === null || was.camera === "on" || was.camera === "opening";
  const inRoom = {
    ...roomPhase(state, call, now - call.elapsed_ms),
    invited: stillInvited(call),
    chat: { ...NO_CHAT, seen: Number.MAX_SAFE_INTEGER },
  };
  const phase: InCall =
    call.state === "joined"
      ? inRoom
      : { ...inRoom, callId: call.call_id, user: call.user, direction: call.outgoing ? "outgoing" : "incoming" };
  const devices: Devices = {
    ...NO_DEVICES,
    microphone: microphone ? "opening" : "none",
    camera: camera ? "opening" : (was?.camera ?? "none"),
  };
  return {
    state: { ...state, phase, devices, opensMuted: was?.microphone === "off" },
    effects: [
      joinMedia(call, now, call.attempt, Math.max(call.generation, was?.generation ?? 0)),
      { kind: "open_devices", microphone, camera },
    ],
  };
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
function refused(state: AppState, event: Of<"error">, answers: Command["type"] | null, about: string | null): Step {
  const { phase } = state;
  if (answers === "call" && state.abandoned > 0) return only({ ...state, abandoned: state.abandoned - 1 });
  // It was said to a call that is gone with its server, and is said again to the one in its place, or was already.
  if (answers === "accept" && phase.kind === "incoming" && (about !== phase.callId || about === state.lostRing)) {
    return only(state);
  }
  const isRefused = answers === "call" ? phase.kind === "calling" : answers === "accept" && phase.kind === "incoming";
  if (isRefused) {
    return {
      state: { ...state, refused: event.code, phase: { kind: "home" }, devices: NO_DEVICES },
      effects: [
        { kind: "ring", tone: null, name: "" },
        { kind: "stop_media", farewell: false },
      ],
    };
  }
  if (answers === "look_at_link" || answers === "join") return refusedAtTheDoor(state, event.code, answers);
  if (answers === "invite") {
    const step = inviteEnded(state, "", true) ?? only(state);
    return only({ ...step.state, refused: event.code });
  }
  if (answers === "history" || answers === "see_history") return historyRefused(state, event.code, answers);
  if (answers !== null && SAID.includes(answers)) {
    return { state: { ...state, refused: event.code }, effects: peopleRefused(state, event.code, answers) };
  }
  const inChat = answers === null ? null : chatRefused(state, event.code, answers, about);
  if (inChat !== null) return nextFile(inChat);
  const inReport = reportRefused(state, answers);
  if (inReport !== null) return only(inReport);
  if (answers === "set_name" || answers === "hello") return only({ ...state, refused: event.code });
  return only(state);
}

/** What the user asked for with nothing on the page that could show it otherwise. */
const SAID: Command["type"][] = [
  "create_link",
  "forget_history",
  "people",
  "keep_contact",
  "forget_contact",
  "block",
  "unblock",
  "set",
];

const LINK_PROBLEMS: readonly string[] = [
  "no_such_link",
  "passphrase_needed",
  "room_locked",
  "room_full",
  "rate_limited",
  "shutting_down",
  "overloaded",
] satisfies LinkProblem[];

function refusedAtTheDoor(state: AppState, code: ErrorCode, answers: "look_at_link" | "join"): Step {
  const { phase } = state;
  const problem = LINK_PROBLEMS.includes(code) ? (code as LinkProblem) : null;
  const said = problem === null ? { ...state, refused: code } : state;
  if (phase.kind !== "joining") return only(state);
  if (answers === "join") return phase.entering ? backToTheDoor(said, problem) : only(state);
  return only({ ...said, phase: { ...phase, problem } });
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
      { kind: "warm_media", roomId: event.room_id, attempt: 0 },
    ],
  };
}

/** While this page calls or talks the server lets nobody else ring here; a crossing call is settled by `call_answered`. */
function incoming(state: AppState, callId: string, roomId: string, user: UserInfo, attempt: number): Step {
  const { phase } = state;
  const anew = takeRing(state, callId, roomId, user);
  if (anew !== null) return anew;
  if (phase.kind === "joining") return ringsAtTheDoor(state, { callId, roomId, user }, attempt);
  if (phase.kind !== "home" && phase.kind !== "ended") return only(state);
  return {
    state: {
      ...state,
      refused: null,
      devices: NO_DEVICES,
      phase: {
        kind: "incoming",
        callId,
        roomId,
        user: asKnown(state, user),
        answeredAt: null,
      },
    },
    effects: [
      { kind: "ring", tone: "incoming", name: asKnown(state, user).name || user.user_id },
      { kind: "warm_media", roomId, attempt },
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
  // Who was rung into a room of several finds others there besides whoever rang.
  const rang = phase.user?.user_id ?? (phase.kind === "calling" ? phase.userId : "");
  const other = event.participants.find((one) => one.user.user_id === rang) ?? event.participants[0];
  const user = other?.user ?? phase.user ?? { user_id: rang, name: "" };
  const since = phase.kind === "incoming" && phase.answeredAt !== null ? phase.answeredAt : now;
  const call: InCall = {
    kind: "in_call",
    callId: event.call_id,
    ...freshRoom(event.room, event.participant_id, event.host, event.participants),
    user,
    direction: phase.kind === "calling" ? "outgoing" : "incoming",
    since: now,
    ...unknownPath(event.direct || event.participants.length !== 1, state.alwaysThroughServer),
    serverLost: false,
  };
  const effects: Effect[] = [
    { kind: "ring", tone: null, name: "" },
    joinMedia(event, since, 0, 0),
    send({ type: "publish", room_id: event.room_id, sources: sourcesOn(state.devices) }),
    {
      kind: "remember_call",
      call: { roomId: event.room_id, microphone: state.devices.microphone, camera: state.devices.camera },
    },
  ];
  return { state: { ...state, phase: call }, effects };
}

/** How long direct media may be silent when the server has given up the other. */
const VANISHED_MS = 2000;

function ended(state: AppState, event: Of<"call_ended">, now: number): Step {
  const { phase } = state;
  const callId = "callId" in phase ? phase.callId : null;
  if (state.takenBack === event.call_id) return only({ ...state, takenBack: null });
  if (phase.kind === "ended") {
    if (callId === event.call_id) {
      // Ended here already; the server's measure of the duration is the one that both sides see. After a restart of the server the
      // end may come after the welcome that had no call any more, and only the end knows why.
      const reason = phase.byMe ? phase.reason : event.reason;
      return only({ ...state, phase: { ...phase, reason, durationMs: event.duration_ms || phase.durationMs } });
    }
    return only({ ...state, abandoned: Math.max(0, state.abandoned - 1) });
  }
  if (phase.kind === "home") return only({ ...state, abandoned: Math.max(0, state.abandoned - 1) });
  // An unreachable or busy user's call ends before it has rung, so this is the first time its id is heard.
  const first = phase.kind === "calling" && callId === null;
  if (first && state.abandoned > 0) return only({ ...state, abandoned: state.abandoned - 1 });
  if (callId !== event.call_id && !first) return only(state);
  if (
    event.reason === "connection_lost" &&
    phase.kind === "in_call" &&
    phase.path === "direct" &&
    phase.others.length === 1
  ) {
    // A session did not come back to the server, but the two of them may still see and hear each other.
    return goOnWithoutServer(state, phase, VANISHED_MS);
  }
  if (event.reason === "connection_lost" && phase.kind === "incoming") return awaitRing(state, phase);
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
