/** What the page knows: one value, changed only by the reducer in app.ts, read by the views. */

import { type DirectFacts, NO_DIRECT } from "./media/direct-facts";
import type {
  Command,
  EndReason,
  ErrorCode,
  Event,
  IceServer,
  Participant,
  Path,
  PathProtocol,
  PathReason,
  Source,
  UserInfo,
} from "./protocol";

export type DeviceProblem =
  | "camera_denied"
  | "camera_in_use"
  | "camera_missing"
  | "microphone_denied"
  | "microphone_in_use"
  | "microphone_missing"
  | "insecure_context";

/** `none`: there is none, or it could not be opened. `off`: it is there and sends nothing. */
export type DeviceState = "none" | "opening" | "on" | "off";

export interface Devices {
  microphone: DeviceState;
  camera: DeviceState;
  problems: DeviceProblem[];
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
  callId: string;
  roomId: string;
  user: UserInfo;
  /** Who rang whom, for "call again". */
  direction: Direction;
  other: Participant | null;
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

export type EndedReason = EndReason | "answered_elsewhere";

export type Phase =
  | { kind: "home" }
  /** `callId` is null until the server says that it rings. */
  | { kind: "calling"; userId: string; user: UserInfo | null; callId: string | null; roomId: string | null }
  | { kind: "incoming"; callId: string; roomId: string; user: UserInfo; answeredAt: number | null }
  | InCall
  | {
      kind: "ended";
      callId: string | null;
      reason: EndedReason;
      direction: Direction;
      /** Whether it was this page that ended it. */
      byMe: boolean;
      user: UserInfo;
      durationMs: number;
    };

/** `starting`: not yet connected since the page was opened, so nothing is wrong yet. */
/** What a call needs to look the same after a reload. */
export interface CallMemory {
  callId: string;
  microphone: DeviceState;
  camera: DeviceState;
  /** The latest direct connection: the next one counts on from it. */
  generation: number;
}

/** What one page tells the other on the data channel of `direct`, so that it works without the server. */
export type DirectMessage = { type: "hang_up" } | { type: "sources"; sources: Source[] };

export type Connection = "starting" | "up" | "down" | "stopping";

export interface AppState {
  connection: Connection;
  me: { userId: string; name: string } | null;
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
  /** What the page before a reload was doing in its call. */
  remembered: CallMemory | null;
  /** The microphone was muted before the reload: it opens muted. */
  opensMuted: boolean;
  phase: Phase;
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
      | "path_changed"
      | "participant_changed";
  }
>;

export type Input =
  | { kind: "connection_changed"; connection: Connection }
  | { kind: "session_lost" }
  /** `answers`: the type of the command that the event's `ref` belongs to. */
  | { kind: "event"; event: Event; answers: Command["type"] | null }
  | { kind: "call"; userId: string }
  | { kind: "answer" }
  | { kind: "decline" }
  | { kind: "cancel" }
  | { kind: "hang_up" }
  | { kind: "call_again" }
  | { kind: "home" }
  | { kind: "set_name"; name: string }
  | { kind: "set_always_through_server"; on: boolean }
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
      other: Participant | null;
      direct: boolean;
      polite: boolean;
      answeredAt: number;
      attempt: number;
      generation: number;
    }
  | { kind: "media_event"; event: MediaEvent }
  /** The server forgot the room, so only the direct path is left. */
  | { kind: "forget_server"; patienceMs: number }
  /** The server was started again: forwarded has to be made anew. */
  | { kind: "server_restarted" }
  /** `farewell`: the other is told on the direct path too, where the server may be away. */
  | { kind: "stop_media"; farewell: boolean }
  /** For the page after a reload; its generation is added outside. */
  | { kind: "remember_call"; call: Omit<CallMemory, "generation"> | null }
  | { kind: "save_always_through_server"; on: boolean }
  | { kind: "leave_link" };

export interface Step {
  state: AppState;
  effects: Effect[];
}

export const NO_DEVICES: Devices = { microphone: "none", camera: "none", problems: [] };

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
    iceServers: [],
    alwaysThroughServer,
    link,
    devices: NO_DEVICES,
    refused: null,
    abandoned: 0,
    takenBack: null,
    bootId: null,
    remembered,
    opensMuted: false,
    phase: { kind: "home" },
  };
}

/** The tracks that others may get from us now. */
export function sourcesOn(devices: Devices): Source[] {
  const sources: Source[] = [];
  if (devices.microphone === "on") sources.push("microphone");
  if (devices.camera === "on") sources.push("camera");
  return sources;
}
