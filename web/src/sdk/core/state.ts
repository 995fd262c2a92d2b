/** What the page knows: one value, changed only by the reducer in reduce.ts, read by the views. */

import { type DirectFacts, NO_DIRECT } from "../media/direct-facts";
import type {
  CallReport,
  Command,
  Contact,
  ErrorCode,
  Event,
  Grants,
  HistoryRow,
  IceServer,
  Link,
  LinkPreview,
  LinkWish,
  Message,
  Participant,
  Path,
  PathProtocol,
  PathReason,
  Reaction,
  RoomInfo,
  Settings,
  Source,
  UserInfo,
  Waiting,
} from "../protocol";
import type { Connection, DeviceProblem, DeviceState, EndedReason } from "./words";

export type { Connection, DeviceProblem, DeviceState, EndedReason };

export interface Devices {
  microphone: DeviceState;
  camera: DeviceState;
  /** Never `off`: a screen that is not shown is not captured. */
  screen: DeviceState;
  /** Whether what is shown of the screen brings its sound. */
  screenAudio: boolean;
  problems: DeviceProblem[];
}

/** What the page is to its room. */
export interface Me {
  participantId: string;
  host: boolean;
  /** The place among the raised hands; null: it is down. */
  hand: number | null;
}

/** An invitation of ours into the room, while it rings. */
export interface Invited {
  /** null until the server says that it rings. */
  callId: string | null;
  userId: string;
  user: UserInfo | null;
}

/** A reaction that is shown for some seconds. */
export interface ShownReaction {
  id: number;
  participantId: string;
  reaction: Reaction;
}

/** What is written in the room, as this page knows it. */
export interface Chat {
  /** By their numbers. */
  messages: Message[];
  /** Whether there are older ones. */
  more: boolean;
  /** Whether some were asked for. */
  asking: boolean;
  /** Whether the server has told what was written before. */
  loaded: boolean;
  /** The number of the last message that the user has seen. */
  seen: number;
  /** Written here and not kept yet, oldest first. */
  outgoing: Outgoing[];
}

export interface Outgoing {
  messageId: string;
  text: string;
  /** What goes along. */
  file: OutgoingFile | null;
  /** Why the server did not keep it; null: it may yet. */
  problem: ErrorCode | null;
}

/** A file on its way: one after the other, each then part of its message. */
export interface OutgoingFile {
  name: string;
  bytes: number;
  /** Bytes that the server has. */
  sent: number;
  /** What the server calls it, as soon as it has place for it. */
  fileId: string | null;
  /** `waits`: for those before it; `asking`: whether there is place for it. */
  stage: "waits" | "asking" | "sending" | "whole";
}

/** What was written in a call that is over. */
export interface PastChat {
  callId: string;
  messages: Message[];
  more: boolean;
  asking: boolean;
}

/** The report of a call. */
export interface ShownReport {
  callId: string;
  /** null: it was asked for, or there is none. */
  report: CallReport | null;
  asking: boolean;
}

/** What is measured of the path on which the other is seen. */
export interface PathMeasures {
  roundTripMs: number | null;
  /** What carries it at this end. */
  protocol: PathProtocol | null;
  direct: DirectFacts;
}

/** Everything about an answered call that the views show and the reducer needs. */
export interface InCall extends PathMeasures {
  kind: "in_call";
  /** null where this page came by a link. */
  callId: string | null;
  roomId: string;
  room: RoomInfo;
  me: Me;
  /** The one who was called or calls; in a room that was entered by a link, the first of the others, or nobody. */
  user: UserInfo;
  /** Who rang whom, for "call again". */
  direction: Direction;
  /** Everybody else, in the order of coming. */
  others: Participant[];
  /** Who speaks now, loudest first. */
  speakers: string[];
  /** Who has the stage: who spoke last, as long as they are here. */
  lastSpeaker: string | null;
  invited: Invited[];
  /** Who waits in the lobby; only a host is told. */
  waiting: Waiting[];
  reactions: ShownReaction[];
  chat: Chat;
  since: number;
  /** How the other is seen and heard; null until the first media. */
  path: Path | null;
  /** Of the last switch. */
  reason: PathReason | null;
  /** What carries the other's forwarded path; null where it uses direct, or cannot tell. */
  otherProtocol: PathProtocol | null;
  /** Who asked for the way through the server. */
  throughServer: "mine" | "theirs" | null;
  /** The server forgot this session: the call lives on as long as its direct path does. */
  serverLost: boolean;
}

export type Direction = "outgoing" | "incoming";

/** Why a link does not let in, as far as this page knows. */
export type LinkProblem = Extract<
  ErrorCode,
  "no_such_link" | "passphrase_needed" | "room_locked" | "room_full" | "rate_limited" | "shutting_down" | "overloaded"
>;

/** A call that rings at a page which is at the door of a room: the user follows a link, or was there already. */
export interface Ring {
  callId: string;
  roomId: string;
  user: UserInfo;
}

/** What rooms without a call need of a phase: the same shape, so that a view need not care. */
export const NOBODY: UserInfo = { user_id: "", name: "" };

export type Phase =
  | { kind: "home" }
  /** `callId` is null until the server says that it rings. */
  | { kind: "calling"; userId: string; user: UserInfo | null; callId: string | null; roomId: string | null }
  | { kind: "incoming"; callId: string; roomId: string; user: UserInfo; answeredAt: number | null }
  | InCall
  /**
   * Before the door of a link's room. `link` is null until the server has said what is behind it; `entering`: it was asked to let us in,
   * with this `passphrase`.
   */
  | {
      kind: "joining";
      linkId: string;
      link: LinkPreview | null;
      problem: LinkProblem | null;
      entering: boolean;
      passphrase: string | null;
      rings: Ring | null;
    }
  | { kind: "lobby"; linkId: string; passphrase: string | null; room: RoomInfo; participantId: string }
  | {
      kind: "ended";
      callId: string | null;
      reason: EndedReason;
      direction: Direction;
      /** Whether it was this page that ended it. */
      byMe: boolean;
      user: UserInfo;
      /** The link of the room, to come back by; null after a call. */
      linkId: string | null;
      durationMs: number;
    };

/** What a call needs to look the same after a reload. */
export interface CallMemory {
  roomId: string;
  microphone: DeviceState;
  camera: DeviceState;
  /** The latest direct connection: the next one counts on from it. */
  generation: number;
}

/** What one page tells the other on the data channel of `direct`, so that it works without the server. */
export type DirectMessage = { type: "hang_up" } | { type: "sources"; sources: Source[] };

export interface AppState {
  connection: Connection;
  me: { userId: string; name: string } | null;
  /** What the token of this page lets it do; null: everything. */
  grants: Grants | null;
  iceServers: IceServer[];
  alwaysThroughServer: boolean;
  /** The user of the call link that this page was opened with. */
  link: string | null;
  devices: Devices;
  /** A command of the user that the server refused. */
  refused: ErrorCode | null;
  /** Calls that were taken back before the server had named them; its next answers belong to them. */
  abandoned: number;
  /** The last of them that the server has named; its end is no news. */
  takenBack: string | null;
  /** Which run of the server welcomed this page last; null before the first welcome. */
  bootId: string | null;
  /** Whether it has said since that it stops: then its media may go on for some seconds after the websocket is gone. */
  saidStopping: boolean;
  /** The call that rang here when its server went, while it may ring anew as another one. */
  lostRing: string | null;
  /** What the page before a reload was doing in its call. */
  remembered: CallMemory | null;
  /** The microphone was muted before the reload: it opens muted. */
  opensMuted: boolean;
  /** The links of this user; null: not asked for yet. */
  links: Link[] | null;
  /** The link that was just made, for the dialog that shows it. */
  madeLink: Link | null;
  /** The calls there were, newest first, as far as they were asked for; null: not yet. */
  history: History | null;
  /** Whether the history and the people of this user were ever asked for: then they are asked for anew after what may have been missed, also where the first answer was. */
  asked: { history: boolean; people: boolean };
  /** Missed calls that the user does not know of. */
  missed: number;
  /** What is shown of a call that is over; null: nothing. */
  pastChat: PastChat | null;
  /** The report that is shown; null: none. */
  report: ShownReport | null;
  /** Whom this user knows and has blocked, and what they chose for all devices; null: not asked for yet. */
  people: People | null;
  /** Nobody looks at this page. */
  away: boolean;
  /** Bytes that a file in a chat may have; null: the server keeps none. */
  fileBytesMax: number | null;
  phase: Phase;
}

export interface People {
  /** By their names. */
  contacts: Contact[];
  blocked: UserInfo[];
  settings: Settings;
}

export interface History {
  rows: HistoryRow[];
  /** Whether there are older ones. */
  more: boolean;
  /** Whether older ones were asked for. */
  asking: boolean;
}

export type WelcomeEvent = Extract<Event, { type: "welcome" }>;

/** Events that only the media of the call in progress cares about. */
export type MediaEvent = Extract<
  Event,
  {
    type:
      | "offer_answered"
      | "slots_changed"
      | "layers_wanted"
      | "transport_lost"
      | "signaled"
      | "path_requested"
      | "path_changed";
  }
>;

export type Input =
  | { kind: "connection_changed"; connection: Connection }
  | { kind: "session_lost" }
  /** `answers`: the type of the command that the event's `ref` belongs to; `about`: the message that it was about. */
  | { kind: "event"; event: Event; answers: Command["type"] | null; about?: string | null }
  /** `microphone`, `camera`: which of them is to be on from the start; both, where nothing is said. */
  | { kind: "call"; userId: string; microphone?: boolean; camera?: boolean }
  | { kind: "answer"; microphone?: boolean; camera?: boolean }
  | { kind: "decline" }
  | { kind: "cancel" }
  | { kind: "hang_up" }
  | { kind: "call_again"; microphone?: boolean; camera?: boolean }
  | { kind: "home" }
  | { kind: "set_name"; name: string }
  | { kind: "set_always_through_server"; on: boolean }
  /** The page was opened by a link, or one was typed. */
  | { kind: "open_link"; linkId: string }
  /** `microphone`, `camera`: which of them is to be on from the start. */
  | { kind: "join"; passphrase: string | null; microphone: boolean; camera: boolean }
  | { kind: "invite"; userId: string }
  | { kind: "cancel_invite"; userId: string }
  /** `here`: into the room that this page is in, else into one of its own. */
  | { kind: "create_link"; wish: LinkWish; here: boolean }
  | { kind: "forget_made_link" }
  | { kind: "revoke_link"; linkId: string }
  | { kind: "list_links" }
  | { kind: "list_history" }
  | { kind: "more_history" }
  | { kind: "see_history" }
  | { kind: "forget_call"; callId: string }
  | { kind: "forget_history" }
  | { kind: "list_people" }
  | { kind: "keep_contact"; userId: string; name: string }
  | { kind: "forget_contact"; userId: string }
  | { kind: "block"; userId: string; name: string }
  | { kind: "unblock"; userId: string }
  | { kind: "set_contacts_only"; on: boolean }
  | { kind: "set_away"; away: boolean }
  | { kind: "load_chat" }
  | { kind: "older_messages" }
  | { kind: "say"; messageId: string; text: string }
  /** What the file holds is kept outside, by the id of its message. */
  | { kind: "say_file"; messageId: string; text: string; name: string; bytes: number }
  | { kind: "file_progress"; messageId: string; sent: number }
  /** `problem`: why its bytes did not come to the server; null: they did. */
  | { kind: "file_sent"; messageId: string; problem: ErrorCode | null }
  | { kind: "say_again"; messageId: string }
  | { kind: "drop_message"; messageId: string }
  | { kind: "edit_message"; number: number; text: string }
  | { kind: "delete_message"; number: number }
  | { kind: "see_chat" }
  | { kind: "open_past_chat"; callId: string }
  | { kind: "older_past_messages" }
  | { kind: "close_past_chat" }
  | { kind: "open_report"; callId: string }
  | { kind: "close_report" }
  | { kind: "lock"; locked: boolean }
  | { kind: "admit"; participantId: string; admitted: boolean }
  | { kind: "mute_other"; participantId: string; source: Source }
  | { kind: "remove_other"; participantId: string }
  | { kind: "raise_hand"; raised: boolean }
  | { kind: "react"; reaction: Reaction }
  | { kind: "reaction_faded"; id: number }
  | { kind: "ring_missed"; callId: string }
  | { kind: "toggle_screen" }
  /** `video`: whether the user chose something to show. */
  | { kind: "screen_opened"; video: boolean; audio: boolean }
  | { kind: "screen_ended" }
  | { kind: "toggle_microphone" }
  | { kind: "toggle_camera" }
  | { kind: "retry_devices" }
  | { kind: "dismiss_problems" }
  | { kind: "devices_opened"; microphone: boolean | null; camera: boolean | null; problems: DeviceProblem[] }
  | { kind: "device_lost"; device: "microphone" | "camera" }
  | { kind: "path_shown"; path: Path; reason: PathReason }
  | { kind: "path_measured"; measures: PathMeasures }
  | { kind: "told"; message: DirectMessage }
  /** No path carries the call any more and none will come back. `closed`: the other has closed it. */
  | { kind: "media_lost"; closed: boolean };

export type Tone = "incoming" | "outgoing" | null;

export type Effect =
  | { kind: "send"; command: Command }
  | { kind: "ring"; tone: Tone; name: string }
  | { kind: "open_devices"; microphone: boolean; camera: boolean }
  | { kind: "set_microphone"; on: boolean }
  | { kind: "close_camera" }
  /** `attempt`: the latest forwarded connection that this session made in the room. */
  | { kind: "warm_media"; roomId: string; attempt: number }
  | {
      kind: "join_media";
      roomId: string;
      others: Participant[];
      direct: boolean;
      polite: boolean;
      /** Who is at the other end of a direct connection. */
      other: string | null;
      answeredAt: number;
      attempt: number;
      generation: number;
    }
  | { kind: "media_event"; event: MediaEvent }
  /** Who else is in the room, or what they have on. */
  | { kind: "others_changed"; others: Participant[] }
  | { kind: "set_direct"; direct: boolean; polite: boolean; other: string | null }
  /** Send the bytes of a message's file with this ticket. */
  | { kind: "send_file"; messageId: string; ticket: string }
  /** What is kept outside of a message's file is of no more use. */
  | { kind: "drop_file"; messageId: string }
  | { kind: "open_screen" }
  | { kind: "close_screen" }
  | { kind: "fade_reaction"; id: number; afterMs: number }
  /** The server on which it rang is gone, and whoever called has so long to ring anew. */
  | { kind: "await_ring"; callId: string; patienceMs: number }
  /** The store could not be read just now. */
  | { kind: "ask_again"; input: { kind: "list_history" } | { kind: "list_people" }; afterMs: number }
  /** The server forgot the room, so only the direct path is left. */
  | { kind: "forget_server"; patienceMs: number }
  /** The server was started again: forwarded has to be made anew. */
  | { kind: "server_restarted"; announced: boolean }
  /** `farewell`: the other is told on the direct path too, where the server may be away. */
  | { kind: "stop_media"; farewell: boolean }
  /** For the page after a reload; its generation is added outside. */
  | { kind: "remember_call"; call: Omit<CallMemory, "generation"> | null }
  | { kind: "save_always_through_server"; on: boolean }
  /** The page's own address names the link, so that a reload comes back to it. */
  | { kind: "enter_link"; linkId: string }
  | { kind: "leave_link" };

export interface Step {
  state: AppState;
  effects: Effect[];
}

export const NO_DEVICES: Devices = {
  microphone: "none",
  camera: "none",
  screen: "none",
  screenAudio: false,
  problems: [],
};

/** What a call knows of its paths before its first media. `direct`: whether there may be a direct one. */
export function unknownPath(direct: boolean, alwaysThroughServer: boolean) {
  return {
    path: null,
    reason: null,
    roundTripMs: null,
    protocol: null,
    direct: NO_DIRECT,
    otherProtocol: null,
    throughServer: direct ? null : alwaysThroughServer ? ("mine" as const) : ("theirs" as const),
  };
}

export function initialState(
  link: string | null,
  alwaysThroughServer: boolean,
  remembered: CallMemory | null = null,
): AppState {
  return {
    connection: "starting",
    me: null,
    grants: null,
    iceServers: [],
    alwaysThroughServer,
    link,
    devices: NO_DEVICES,
    refused: null,
    abandoned: 0,
    takenBack: null,
    bootId: null,
    saidStopping: false,
    lostRing: null,
    remembered,
    opensMuted: false,
    links: null,
    madeLink: null,
    history: null,
    asked: { history: false, people: false },
    missed: 0,
    pastChat: null,
    report: null,
    people: null,
    away: false,
    fileBytesMax: null,
    phase: { kind: "home" },
  };
}

/** Of a room in which nothing is known to have been written. */
export const NO_CHAT: Chat = { messages: [], more: false, asking: false, loaded: false, seen: 0, outgoing: [] };

/** What a room is before anything happened in it. */
export function freshRoom(room: RoomInfo, participantId: string, host: boolean, others: Participant[]) {
  return {
    room,
    roomId: room.room_id,
    me: { participantId, host, hand: null },
    others,
    speakers: [],
    lastSpeaker: null,
    invited: [],
    waiting: [],
    reactions: [],
    chat: NO_CHAT,
  };
}

/** The tracks that others may get from us now. */
export function sourcesOn(devices: Devices): Source[] {
  const sources: Source[] = [];
  if (devices.microphone === "on") sources.push("microphone");
  if (devices.camera === "on") sources.push("camera");
  if (devices.screen === "on") sources.push("screen");
  if (devices.screen === "on" && devices.screenAudio) sources.push("screen_audio");
  return sources;
}

/** Whether this page may send from a source. */
export function maySend({ grants }: Pick<AppState, "grants">, source: Source): boolean {
  return grants === null || grants.publish[source];
}

/** Whether this page may call people and make rooms. */
export function mayCall({ grants }: Pick<AppState, "grants">): boolean {
  return grants === null || (grants.create && grants.room === undefined);
}

/** Whether a call may ring at this page. */
export function mayBeCalled({ grants }: Pick<AppState, "grants">): boolean {
  return grants === null || (grants.join && grants.room === undefined);
}
