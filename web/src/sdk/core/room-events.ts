/** The part of the state machine that answers what the server says of rooms and links. */

import { assertNever } from "../assert";
import type { Event, Participant, RoomInfo, Source } from "../protocol";
import { joinAnew } from "./anew";
import { lookAt } from "./rooms";
import {
  type AppState,
  type Effect,
  freshRoom,
  type InCall,
  NO_DEVICES,
  NOBODY,
  type Step,
  sourcesOn,
  unknownPath,
} from "./state";
import { end, only, send, withDevices } from "./steps";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

type RoomEvent = Of<
  | "participant_changed"
  | "participant_joined"
  | "participant_left"
  | "direct_changed"
  | "room_changed"
  | "lobby_changed"
  | "muted"
  | "reacted"
  | "speakers_changed"
>;

/** How long a reaction is shown. */
const REACTION_MS = 5000;
/** A room that claps: what is more than this nobody could see. */
const REACTIONS_MAX = 30;

export function linkSeen(state: AppState, { link }: Of<"link_seen">): Step {
  const { phase } = state;
  if (phase.kind !== "joining" || phase.linkId !== link.link_id) return only(state);
  return only({ ...state, phase: { ...phase, link, problem: null } });
}

export function linkCreated(state: AppState, { link }: Of<"link_created">): Step {
  const links = state.links === null ? null : [...state.links, link];
  return only({ ...state, madeLink: link, links });
}

export function lobbyEntered(state: AppState, event: Of<"lobby_entered">): Step {
  const { phase } = state;
  if (phase.kind !== "joining" || !phase.entering) return leaveUnwanted(state, event.room);
  const { linkId, passphrase } = phase;
  const { room, participant_id } = event;
  return only({
    ...state,
    phase: { kind: "lobby", linkId, passphrase, room, participantId: participant_id },
  });
}

export function roomJoined(state: AppState, event: Of<"room_joined">, now: number): Step {
  const { phase } = state;
  const isWanted =
    (phase.kind === "joining" && phase.entering) ||
    (phase.kind === "lobby" && phase.room.room_id === event.room.room_id);
  if (!isWanted) return leaveUnwanted(state, event.room);
  const { room_id } = event.room;
  const { microphone, camera } = state.devices;
  return {
    state: { ...state, phase: roomPhase(state, event, now) },
    effects: [
      joinMedia(event, now, 0, 0),
      send({ type: "publish", room_id, sources: sourcesOn(state.devices) }),
      { kind: "remember_call", call: { roomId: room_id, microphone, camera } },
    ],
  };
}

/** The way back was taken while the server opened the door. */
function leaveUnwanted(state: AppState, room: RoomInfo): Step {
  if ("roomId" in state.phase && state.phase.roomId === room.room_id) return only(state);
  return { state, effects: [send({ type: "leave", room_id: room.room_id })] };
}

type Entered = Pick<Of<"room_joined">, "room" | "participant_id" | "participants" | "direct" | "polite" | "host">;

/** What a room that was entered by its link is to the page. */
export function roomPhase(state: AppState, entered: Entered, since: number): InCall {
  const { room, participant_id, participants, direct, host } = entered;
  return {
    kind: "in_call",
    callId: null,
    ...freshRoom(room, participant_id, host, participants),
    user: participants[0]?.user ?? NOBODY,
    direction: "outgoing",
    since,
    ...unknownPath(direct || participants.length !== 1, state.alwaysThroughServer),
    serverLost: false,
  };
}

export function joinMedia(entered: Entered, answeredAt: number, attempt: number, generation: number): Effect {
  const { room, participants, direct, polite } = entered;
  return {
    kind: "join_media",
    roomId: room.room_id,
    others: participants,
    direct,
    polite,
    other: direct ? (participants[0]?.participant_id ?? null) : null,
    answeredAt,
    attempt,
    generation,
  };
}

export function roomLeft(state: AppState, event: Of<"room_left">, now: number): Step {
  const { phase } = state;
  if (phase.kind === "lobby") {
    if (phase.room.room_id !== event.room_id) return only(state);
    return event.reason === "connection_lost" ? joinAnew(state, phase) : end(state, event.reason, false, now);
  }
  if (phase.kind !== "in_call" || phase.callId !== null || phase.roomId !== event.room_id) return only(state);
  return end(state, event.reason, false, now);
}

/** After a reload, or a restart of the server, in the lobby. */
export function waitAgain(state: AppState, room: RoomInfo, participantId: string): Step {
  const { phase } = state;
  const linkId = room.link_id ?? ("linkId" in phase ? phase.linkId : null);
  if (linkId === null) return only(state);
  // A page that was loaded anew does not know it.
  const passphrase = "passphrase" in phase ? phase.passphrase : null;
  const waits: AppState = { ...state, phase: { kind: "lobby", linkId, passphrase, room, participantId } };
  if (phase.kind === "lobby") return only(waits);
  return {
    state: { ...waits, devices: { ...NO_DEVICES, microphone: "opening", camera: "opening" } },
    effects: [{ kind: "open_devices", microphone: true, camera: true }],
  };
}

/** A session that is new, or new to this page, asks what is behind the door. */
export function atTheDoor(state: AppState): Effect[] {
  return state.phase.kind === "joining" && !state.phase.entering ? [lookAt(state.phase.linkId)] : [];
}

export function roomEvent(state: AppState, event: RoomEvent, now: number): Step {
  const { phase } = state;
  const roomId = event.type === "room_changed" ? event.room.room_id : event.room_id;
  if (phase.kind !== "in_call" || phase.roomId !== roomId) return only(state);
  switch (event.type) {
    case "participant_changed":
      return participantChanged(state, phase, event.participant);
    case "participant_joined":
      return joined(state, phase, event);
    case "participant_left":
      return left(state, phase, event.participant_id);
    case "direct_changed": {
      const { direct, polite } = event;
      const other = event.participant_id ?? phase.others[0]?.participant_id ?? null;
      const throughServer = direct ? null : phase.throughServer;
      return {
        state: { ...state, phase: { ...phase, throughServer } },
        effects: [{ kind: "set_direct", direct, polite, other: direct ? other : null }],
      };
    }
    case "room_changed":
      return only({ ...state, phase: { ...phase, room: event.room } });
    case "lobby_changed":
      return only({ ...state, phase: { ...phase, waiting: event.waiting } });
    case "muted":
      return muted(state, event.source);
    case "reacted": {
      const last = phase.reactions.at(-1)?.id ?? 0;
      const id = Math.max(now, last + 1);
      const reaction = { id, participantId: event.participant_id, reaction: event.reaction };
      const reactions = [...phase.reactions, reaction].slice(-REACTIONS_MAX);
      return {
        state: { ...state, phase: { ...phase, reactions } },
        effects: [{ kind: "fade_reaction", id, afterMs: REACTION_MS }],
      };
    }
    case "speakers_changed": {
      const speakers = event.participant_ids;
      const first = speakers.find((id) => phase.others.some(({ participant_id }) => participant_id === id));
      return only({ ...state, phase: { ...phase, speakers, lastSpeaker: first ?? phase.lastSpeaker } });
    }
    default:
      return assertNever(event);
  }
}

function withOthers(state: AppState, phase: InCall, others: Participant[]): Step {
  // Somebody who waited alone is with the first who came.
  const user = phase.user.user_id === "" ? (others[0]?.user ?? NOBODY) : phase.user;
  return {
    state: { ...state, phase: { ...phase, others, user } },
    effects: [{ kind: "others_changed", others }],
  };
}

function participantChanged(state: AppState, phase: InCall, participant: Participant): Step {
  const { participant_id, host, hand } = participant;
  if (participant_id === phase.me.participantId) {
    return only({ ...state, phase: { ...phase, me: { participantId: participant_id, host, hand: hand ?? null } } });
  }
  const others = phase.others.map((one) => (one.participant_id === participant_id ? participant : one));
  const user = phase.user.user_id === participant.user.user_id ? participant.user : phase.user;
  return withOthers(state, { ...phase, user }, others);
}

function joined(state: AppState, phase: InCall, { participant, call_id }: Of<"participant_joined">): Step {
  const others = phase.others.filter(({ participant_id }) => participant_id !== participant.participant_id);
  const invited = phase.invited.filter(
    ({ callId, userId }) => userId !== participant.user.user_id && (callId === null || callId !== call_id),
  );
  return withOthers(state, { ...phase, invited }, [...others, participant]);
}

function left(state: AppState, phase: InCall, participantId: string): Step {
  return withOthers(
    state,
    {
      ...phase,
      speakers: phase.speakers.filter((id) => id !== participantId),
      lastSpeaker: phase.lastSpeaker === participantId ? null : phase.lastSpeaker,
      reactions: phase.reactions.filter((one) => one.participantId !== participantId),
    },
    phase.others.filter(({ participant_id }) => participant_id !== participantId),
  );
}

/** A host switched something of ours off; it may be switched on again. */
function muted(state: AppState, source: Source): Step {
  const { devices } = state;
  switch (source) {
    case "microphone":
      if (devices.microphone !== "on") return only(state);
      return withDevices(state, { ...devices, microphone: "off" }, [{ kind: "set_microphone", on: false }]);
    case "camera":
      if (devices.camera !== "on") return only(state);
      return withDevices(state, { ...devices, camera: "off" }, [{ kind: "close_camera" }]);
    case "screen":
    case "screen_audio":
      if (devices.screen !== "on") return only(state);
      return withDevices(state, { ...devices, screen: "none", screenAudio: false }, [{ kind: "close_screen" }]);
    default:
      return assertNever(source);
  }
}

/** It rings at somebody who was invited; null: it is no invitation of this room. */
export function inviteRings(state: AppState, event: Of<"call_ringing">): Step | null {
  const { phase } = state;
  if (phase.kind !== "in_call" || phase.roomId !== event.room_id) return null;
  const { call_id, user } = event;
  const isOurs = (userId: string) => userId === user.user_id;
  if (!phase.invited.some(({ userId }) => isOurs(userId))) {
    // Taken back before the server had named it.
    return { state, effects: [send({ type: "cancel", call_id })] };
  }
  const invited = phase.invited.map((one) => (isOurs(one.userId) ? { ...one, callId: call_id, user } : one));
  return only({ ...state, phase: { ...phase, invited } });
}

/** An invitation is over. `first`: it never rang, so its id is heard for the first time. null: it was none. */
export function inviteEnded(state: AppState, callId: string, first: boolean): Step | null {
  const { phase } = state;
  if (phase.kind !== "in_call") return null;
  const over = phase.invited.find((one) => one.callId === callId || (first && one.callId === null));
  if (over === undefined) return null;
  return only({ ...state, phase: { ...phase, invited: phase.invited.filter((one) => one !== over) } });
}
