/** A room that this page is in, or comes into: who is there, what is received of them and sent to them, and what is written. */

import { assertNever } from "./assert";
import { changesIn, type RoomChange } from "./changes";
import { Chat, type ChatMessage, chatMessage } from "./chat";
import { type AppState, type InCall, maySend, type Phase } from "./core/state";
import type { DeviceProblem, DeviceState, EndedReason } from "./core/words";
import { Emitter } from "./emitter";
import type { Engine } from "./engine";
import { TandemError, type TandemErrorCode } from "./errors";
import { exchange } from "./media/exchange";
import type { Verdict } from "./media/quality";
import type { RemoteTracks } from "./media/remote";
import { SOURCES } from "./media/tracks";
import type {
  ErrorCode,
  Path,
  PathProtocol,
  PathReason,
  Participant as ProtocolParticipant,
  Reaction,
  Source,
  Tile,
} from "./protocol";
import { RemoteTrack } from "./remote-track";
import { until } from "./until";

/** `ringing`: a call that nobody has answered. `entering`: on the way in. `lobby`: a host has to let us in. `open`: we are in. */
export type RoomState = "ringing" | "entering" | "lobby" | "open" | "ended";

export interface Participant {
  id: string;
  userId: string;
  /** What they call themselves: text, and no HTML. Empty where they gave none. */
  name: string;
  /** What they have on. */
  sources: Source[];
  /** What is received of it now: in a large room only the loudest are heard, and only those who have a place on the page are seen. */
  tracks: RemoteTrack[];
  /** May mute, remove, admit and lock. */
  host: boolean;
  /** The place among the raised hands, from 1; null: it is down. */
  hand: number | null;
  /** Lost the server, and is waited for. */
  reconnecting: boolean;
}

/** What is on at this end. `none`: it is not there or could not be opened; `off`: it is there and sends nothing. */
export interface LocalMedia {
  microphone: DeviceState;
  camera: DeviceState;
  screen: DeviceState;
  /** Why something is not there. */
  problems: DeviceProblem[];
  /** The browser's own tracks, to be shown or measured; stop none of them. */
  tracks: Readonly<Record<Source, MediaStreamTrack | null>>;
}

/** How the others are seen and heard. */
export interface PathInfo {
  /** null until the first media. */
  path: Path | null;
  /** Why it is this one. */
  reason: PathReason | null;
  /** What carries it at this end; null where the browser does not tell. */
  protocol: PathProtocol | null;
  roundTripMs: number | null;
}

export interface Ended {
  /** Why, or the code with which the server refused it. */
  reason: EndedReason | ErrorCode;
  /** Whether it was this page that ended it. */
  byMe: boolean;
  /** 0 where it was not answered. */
  durationMs: number;
}

/** Somebody in the lobby. */
export interface WaitingParticipant {
  id: string;
  userId: string;
  name: string;
}

/** A picture that the page has place for. Those that are not named are not sent. */
export interface ShownPicture {
  participantId: string;
  source: "camera" | "screen";
  /** In CSS pixels. */
  width: number;
  height: number;
}

export interface RoomEvents {
  state: [state: RoomState];
  /** Of a call. */
  answered: [];
  participantJoined: [participant: Participant];
  participantLeft: [participant: Participant];
  participantChanged: [participant: Participant];
  /** Something of another comes in: attach it to an element. */
  track: [track: RemoteTrack];
  /** Its `state` is another one: a picture that is not `live` is not to be shown. */
  trackChanged: [track: RemoteTrack];
  trackEnded: [track: RemoteTrack];
  /** What is on at this end is something else. */
  local: [local: LocalMedia];
  /** Who speaks now, loudest first; this page too. */
  speakers: [participantIds: string[]];
  path: [path: PathInfo];
  /** How good it is and whose side it is; null: too early to say. */
  quality: [quality: Verdict | null];
  message: [message: ChatMessage];
  messageChanged: [message: ChatMessage];
  reaction: [participantId: string, reaction: Reaction];
  /** For hosts: who waits in the lobby. */
  waiting: [waiting: WaitingParticipant[]];
  /** The room's name, or whether it is locked, or what this page is in it. */
  changed: [];
  /** The browser lets nothing be heard before a click on the page: call `startPlayback` in one. */
  playbackBlocked: [];
  ended: [ended: Ended];
}

export class Room extends Emitter<RoomEvents> {
  readonly chat: Chat;
  readonly #engine: Engine;
  #state: RoomState;
  #inCall: InCall | null = null;
  #ended: Ended | null = null;
  #failure: TandemError | null = null;
  #quality: Verdict | null = null;
  readonly #tracks = new Map<string, RemoteTrack>();
  readonly #ownViews = new Map<HTMLVideoElement, "camera" | "screen">();

  /** @internal */
  constructor(engine: Engine, state: RoomState) {
    super();
    this.#engine = engine;
    this.#state = state;
    this.chat = new Chat(engine, () => this.inside());
  }

  get state(): RoomState {
    return this.#state;
  }

  /** How it ended; null: it has not. */
  get ended(): Ended | null {
    return this.#ended;
  }

  /** Empty until this page is in. */
  get id(): string {
    return this.#inCall?.roomId ?? "";
  }

  /** Empty where it has none. */
  get name(): string {
    return this.#inCall?.room.name ?? "";
  }

  /** Whether nobody comes in by the link any more. */
  get locked(): boolean {
    return this.#inCall?.room.locked ?? false;
  }

  /** What this page is to the room; null until it is in. */
  get me(): { participantId: string; host: boolean; hand: number | null } | null {
    return this.#inCall?.me ?? null;
  }

  /** The others. */
  get participants(): Participant[] {
    return this.#inCall?.others.map((one) => this.#participant(one)) ?? [];
  }

  /** For hosts: who is in the lobby. */
  get waiting(): WaitingParticipant[] {
    const waiting = this.#inCall?.waiting ?? [];
    return waiting.map(({ participant_id, user }) => ({ id: participant_id, userId: user.user_id, name: user.name }));
  }

  /** All that is received now. */
  get tracks(): RemoteTrack[] {
    return [...this.#tracks.values()];
  }

  get local(): LocalMedia {
    const { microphone, camera, screen, problems } = this.#engine.state.devices;
    if (this.#state === "ended") return { ...NOTHING_ON, problems };
    return { microphone, camera, screen, problems, tracks: this.#engine.tracks };
  }

  get path(): PathInfo {
    const { path = null, reason = null, protocol = null, roundTripMs = null } = this.#inCall ?? {};
    return { path, reason, protocol, roundTripMs };
  }

  get quality(): Verdict | null {
    return this.#quality;
  }

  /** Resolves when the others hear whether it is on. A microphone that is off stays open, so that it is there at once. */
  setMicrophone(on: boolean): Promise<void> {
    return this.#setDevice("microphone", on);
  }

  /** A camera that is off is closed, and its light goes out. */
  setCamera(on: boolean): Promise<void> {
    return this.#setDevice("camera", on);
  }

  /** Asks the user what to show, with its sound where the browser has it; to be called in a click. */
  async shareScreen(): Promise<void> {
    this.inside();
    if (!maySend(this.#engine.state, "screen")) throw notAllowed("screen");
    if (this.#engine.state.devices.screen === "on") return;
    if (this.#engine.state.devices.screen !== "opening") this.#engine.send({ kind: "toggle_screen" });
    await until(this.#engine, ({ devices }) => {
      this.inside();
      if (devices.screen === "opening") return undefined;
      if (devices.screen === "on") return true;
      throw new TandemError("not_shown", "nothing was chosen to be shown, or the browser lets nothing be shown");
    });
  }

  stopScreen(): void {
    if (this.#engine.state.devices.screen === "on") this.#engine.send({ kind: "toggle_screen" });
  }

  /** Shows one's own camera, or what one shows of the screen, in an element; it follows when that is another one. */
  attachSelf(element: HTMLVideoElement, source: "camera" | "screen" = "camera"): void {
    element.autoplay = true;
    element.playsInline = true;
    element.muted = true;
    this.#ownViews.set(element, source);
    this.#showSelf();
  }

  /** Tells the server which pictures there is place for, and how large: the most important first. Until then it sends all. */
  setView(pictures: ShownPicture[]): void {
    const scale = globalThis.devicePixelRatio || 1;
    const tile = ({ participantId, source, width, height }: ShownPicture, place: number): Tile => ({
      participant_id: participantId,
      source,
      width_px: Math.round(width * scale),
      height_px: Math.round(height * scale),
      weight: source === "screen" ? "screen" : place === 0 ? "speaker" : "rest",
    });
    this.#engine.setView(pictures.map(tile));
  }

  /** Rings somebody into this room. */
  invite(userId: string): void {
    this.inside();
    this.#engine.send({ kind: "invite", userId });
  }

  raiseHand(raised: boolean): void {
    this.inside();
    this.#engine.send({ kind: "raise_hand", raised });
  }

  react(reaction: Reaction): void {
    this.inside();
    this.#engine.send({ kind: "react", reaction });
  }

  /** For hosts: switches something of another's off. Who was muted may unmute. */
  mute(participantId: string, source: Source): void {
    this.inside();
    this.#engine.send({ kind: "mute_other", participantId, source });
  }

  /** For hosts. */
  remove(participantId: string): void {
    this.inside();
    this.#engine.send({ kind: "remove_other", participantId });
  }

  /** For hosts: lets somebody in from the lobby, or sends them away. */
  admit(participantId: string, admitted = true): void {
    this.inside();
    this.#engine.send({ kind: "admit", participantId, admitted });
  }

  /** For hosts: nobody comes in by the link any more. */
  lock(locked: boolean): void {
    this.inside();
    this.#engine.send({ kind: "lock", locked });
  }

  /** Starts what the browser did not let play before a click; to be called in one. */
  startPlayback(): void {
    for (const track of this.#tracks.values()) track.play();
  }

  /** Counters of what is received, by path: as the page has them for support. */
  stats(): Promise<Record<string, unknown>> {
    return this.#engine.stats();
  }

  /** Goes. A call of two ends with it. */
  leave(): void {
    if (this.#state === "ended") return;
    this.#engine.send({ kind: this.#state === "entering" ? "home" : "hang_up" });
  }

  /** @internal What the state machine knows of this room, or throws that it is over or has not begun. */
  inside(): InCall {
    if (this.#failure !== null) throw this.#failure;
    if (this.#state === "open" && this.#inCall !== null) return this.#inCall;
    const why = this.#state === "ended" ? "it is over" : "it has not begun";
    throw new TandemError("not_in_call", why);
  }

  /** @internal Resolves when this page is in. */
  entered(): Promise<void> {
    return until(this.#engine, () => {
      this.throwIfOver();
      return this.#state === "open" ? true : undefined;
    }).then(() => {});
  }

  /** @internal For whoever waits for it to begin. */
  throwIfOver(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#ended === null) return;
    const { reason } = this.#ended;
    throw new TandemError(reason, `it ended before it began: ${reason}`);
  }

  /** @internal The state machine has gone on. */
  follow(after: AppState, before: AppState): void {
    if (this.#state === "ended") return;
    const { phase } = after;
    if (phase.kind === "in_call") this.#followRoom(phase);
    else if (phase.kind === "lobby") this.#turn("lobby");
    else if (phase.kind === "ended") this.#end(phase);
    else if (phase.kind === "home" || (phase.kind === "joining" && !phase.entering)) {
      const code = (phase.kind === "joining" ? phase.problem : null) ?? after.refused;
      if (code === null) this.#over({ reason: "left", byMe: true, durationMs: 0 });
      else this.#fail(code);
    }
    if (after.devices !== before.devices) this.#localChanged();
  }

  /** @internal */
  tracksChanged(): void {
    this.#showSelf();
    this.#localChanged();
  }

  /** @internal */
  judged(quality: Verdict | null): void {
    if (this.#state === "ended") return;
    this.#quality = quality;
    this.tell("quality", quality);
  }

  /** @internal What is received of the others, or what they have on, is something else. */
  received(remote: RemoteTracks): void {
    const kept = new Set<string>();
    for (const [participantId, tracks] of remote) {
      const sources = this.#inCall?.others.find(({ participant_id }) => participant_id === participantId)?.sources;
      for (const source of SOURCES) {
        const received = tracks[source];
        if (received === undefined) continue;
        const key = `${participantId}/${source}`;
        kept.add(key);
        const state = !sources?.includes(source) ? "off" : received.paused ? "paused" : "live";
        const track = this.#tracks.get(key);
        if (track === undefined) {
          const made = new RemoteTrack(participantId, source, received.track, state, () =>
            this.tell("playbackBlocked"),
          );
          this.#tracks.set(key, made);
          this.tell("track", made);
          continue;
        }
        if (track.mediaStreamTrack !== received.track) track.replace(received.track);
        if (track.state === state) continue;
        track.state = state;
        this.tell("trackChanged", track);
      }
    }
    for (const [key, track] of this.#tracks) {
      if (kept.has(key)) continue;
      this.#tracks.delete(key);
      track.detach();
      this.tell("trackEnded", track);
    }
  }

  /** @internal An event goes out when all that it comes of is done, so that its listeners may do whatever they want. */
  tell<Name extends keyof RoomEvents>(name: Name, ...args: RoomEvents[Name]): void {
    queueMicrotask(() => this.emit(name, ...args));
  }

  #followRoom(after: InCall): void {
    const before = this.#inCall;
    this.#inCall = after;
    if (before === null) {
      this.#turn("open");
      // What came in before the room was known to be entered.
      this.received(this.#engine.remote);
      return;
    }
    for (const change of changesIn(before, after)) this.#tellOf(change);
    if (before.others !== after.others) this.received(this.#engine.remote);
  }

  #tellOf(change: RoomChange): void {
    switch (change.kind) {
      case "joined":
        this.tell("participantJoined", this.#participant(change.participant));
        break;
      case "left":
        this.tell("participantLeft", this.#participant(change.participant));
        break;
      case "changed":
        this.tell("participantChanged", this.#participant(change.participant));
        break;
      case "message":
        this.tell("message", chatMessage(change.message));
        break;
      case "message_changed":
        this.tell("messageChanged", chatMessage(change.message));
        break;
      case "reaction":
        this.tell("reaction", change.participantId, change.reaction);
        break;
      case "speakers":
        this.tell("speakers", this.#inCall?.speakers ?? []);
        break;
      case "waiting":
        this.tell("waiting", this.waiting);
        break;
      case "path":
        this.tell("path", this.path);
        break;
      case "me":
      case "room":
        this.tell("changed");
        break;
      default:
        assertNever(change);
    }
  }

  #turn(state: RoomState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.tell("state", state);
  }

  /** It came to nothing. */
  #fail(code: ErrorCode): void {
    this.#failure = new TandemError(code, `the server refused it: ${code}`);
    this.#over({ reason: code, byMe: false, durationMs: 0 });
  }

  #end({ reason, byMe, durationMs }: Extract<Phase, { kind: "ended" }>): void {
    this.#over({ reason, byMe, durationMs });
  }

  #over(ended: Ended): void {
    this.received(new Map());
    for (const element of this.#ownViews.keys()) element.srcObject = null;
    this.#ownViews.clear();
    this.#ended = ended;
    this.#turn("ended");
    this.tell("ended", ended);
  }

  #participant(one: ProtocolParticipant): Participant {
    const { participant_id, user, sources, host, hand, reconnecting } = one;
    return {
      id: participant_id,
      userId: user.user_id,
      name: user.name,
      sources: [...sources],
      tracks: this.tracks.filter(({ participantId }) => participantId === participant_id),
      host,
      hand: hand ?? null,
      reconnecting,
    };
  }

  #localChanged(): void {
    if (this.#state !== "ended") this.tell("local", this.local);
  }

  #showSelf(): void {
    for (const [element, source] of this.#ownViews) {
      const stream = element.srcObject instanceof MediaStream ? element.srcObject : new MediaStream();
      exchange(stream, this.#engine.tracks[source]);
      if (element.srcObject !== stream) element.srcObject = stream;
    }
  }

  async #setDevice(device: "microphone" | "camera", on: boolean): Promise<void> {
    if (this.#state === "ended") throw this.#failure ?? new TandemError("not_in_call", "it is over");
    if (on && !maySend(this.#engine.state, device)) throw notAllowed(device);
    const settled = () =>
      until(this.#engine, ({ devices }) => {
        if (this.#state === "ended") throw new TandemError("not_in_call", "it is over");
        return devices[device] === "opening" ? undefined : devices[device];
      });
    const was = await settled();
    if ((was === "on") === on) return;
    this.#engine.send({ kind: device === "microphone" ? "toggle_microphone" : "toggle_camera" });
    if ((await settled()) === "on" || !on) return;
    const { problems } = this.#engine.state.devices;
    const problem: TandemErrorCode =
      problems.find((one) => one.startsWith(device) || one === "insecure_context") ?? `${device}_missing`;
    throw new TandemError(problem, `the ${device} could not be opened: ${problem}`);
  }
}

const NOTHING_ON: LocalMedia = {
  microphone: "none",
  camera: "none",
  screen: "none",
  problems: [],
  tracks: { microphone: null, camera: null, screen: null, screen_audio: null },
};

function notAllowed(source: Source): TandemError {
  return new TandemError("not_allowed", `the token of this page does not let it send from the ${source}`);
}
