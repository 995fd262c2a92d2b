/** What `/sdk/tandem.js` gives to an application: docs/sdk.md. */

export { Call, type StartsWith } from "./call";
export type { Chat, ChatFile, ChatMessage, FileOptions } from "./chat";
export type { Connection, DeviceProblem, DeviceState, EndedReason } from "./core/words";
export { TandemError, type TandemErrorCode } from "./errors";
export type { Device } from "./media/devices";
export type { Grade, Side, Verdict } from "./media/quality";
export type { FileKind, Path, PathProtocol, PathReason, Reaction, Source } from "./protocol";
export { RemoteTrack, type RemoteTrackState } from "./remote-track";
export {
  type Ended,
  type LocalMedia,
  type Participant,
  type PathInfo,
  Room,
  type RoomEvents,
  type RoomState,
  type ShownPicture,
  type WaitingParticipant,
} from "./room";
export { type JoinOptions, Tandem, type TandemEvents, type TandemOptions } from "./tandem";
