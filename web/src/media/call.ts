/** The media of one call: drives the two connections by what paths.ts decides. Holds no rule of its own. */

import { assertNever } from "../assert";
import type { Command, IceServer, Participant, Path, PathReason, Source, Tile } from "../protocol";
import type { DirectMessage, MediaEvent, PathMeasures } from "../state";
import { Direct, type DirectWorld } from "./direct";
import { DirectWatch } from "./direct-facts";
import { Forwarded, type Tracks } from "./forwarded";
import { Paths, type PathsInput, type PathsOutput } from "./paths";
import { NO_REMOTE_TRACKS, type RemoteTrack, type RemoteTracks } from "./remote";
import { type Inbound, readInbound } from "./stats";

const SAMPLE_EVERY_MS = 200;
const TELL_LEG_EVERY_MS = 2000;
/** How long the direct connection stays for the last word on it. */
const FAREWELL_MS = 1000;
const NO_TRACKS: Tracks = { microphone: null, camera: null };

export interface CallMediaListener {
  send(command: Command): void;
  /** What is received of the others, whenever that changes. */
  remote(tracks: RemoteTracks): void;
  /** The path on which the other is seen, or why it is still this one. */
  pathShown(path: Path, reason: PathReason): void;
  measured(measures: PathMeasures): void;
  told(message: DirectMessage): void;
  /** Of the direct connection: a page that is loaded again counts on from it. */
  generation(generation: number): void;
  /** `closed`: by the other. */
  lost(closed: boolean): void;
}

export interface Joined {
  roomId: string;
  other: Participant | null;
  direct: boolean;
  polite: boolean;
  /** Wall clock, as the reducer has it. */
  answeredAt: number;
  /** The latest direct connection of this pair. */
  generation: number;
}

export class CallMedia {
  private readonly forwarded: Forwarded;
  private direct: Direct | null = null;
  private paths: Paths | null = null;
  private otherId: string | null = null;
  private tracks: Tracks = NO_TRACKS;
  private readonly streams: Record<Path, MediaStream | null> = { direct: null, forwarded: null };
  private readonly states: Record<Path, RTCPeerConnectionState> = { direct: "new", forwarded: "new" };
  private inbound: Record<Path, Inbound | null> = { direct: null, forwarded: null };
  private playing: MediaStream | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private sampling = false;
  private serverIsThere = true;
  private offersTcp = false;
  private legToldAt = 0;
  private closed = false;
  private readonly watch: DirectWatch;

  constructor(
    readonly roomId: string,
    attempt: number,
    private iceServers: IceServer[],
    private readonly listener: CallMediaListener,
  ) {
    this.watch = new DirectWatch(iceServers.length > 0);
    this.forwarded = new Forwarded(roomId, attempt, iceServers, {
      send: (command) => listener.send(command),
      state: (state) => this.stateChanged("forwarded", state),
      stream: (stream) => this.streamChanged("forwarded", stream),
      made: (candidates) => this.run({ kind: "forwarded_made", candidates }),
      answered: (offersTcp) => {
        this.offersTcp = offersTcp;
        this.run({ kind: "forwarded_answered", offersTcp });
      },
    });
  }

  join(joined: Joined): void {
    if (this.paths !== null) return;
    const now = Date.now();
    const { other, direct, polite } = joined;
    this.otherId = other?.participant_id ?? null;
    this.paths = new Paths(direct, polite, other?.sources ?? [], joined.answeredAt, now);
    this.run({ kind: "connection", path: "forwarded", state: this.states.forwarded });
    this.run({ kind: "forwarded_answered", offersTcp: this.offersTcp });
    if (direct && this.otherId !== null) this.makeDirect(polite, this.otherId, joined.generation);
    this.applyTracks();
    this.play();
    this.timer = setInterval(() => void this.sample(), SAMPLE_EVERY_MS);
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    this.applyTracks();
  }

  handle(event: MediaEvent): void {
    if (event.room_id !== this.roomId) return;
    switch (event.type) {
      case "offer_answered":
        void this.forwarded.answered(event.attempt, event.sdp);
        break;
      case "slots_changed":
        // Two people need one slot of each kind, and forwarded.ts offers just these: whatever comes is the other's.
        break;
      case "layers_wanted":
        if (event.source === "camera") this.forwarded.setLayers(event.layers);
        break;
      case "transport_lost":
        this.forwarded.lost(event.attempt);
        break;
      case "signaled":
        this.watch.signal("there", event.signal);
        this.direct?.handleSignal(event.signal);
        break;
      case "path_requested":
        this.run({ kind: "requested", path: event.path });
        break;
      case "path_changed":
        this.run({ kind: "changed", path: event.path, reason: event.reason });
        break;
      case "participant_changed":
        this.run({ kind: "other_sources", sources: event.participant.sources });
        break;
      default:
        assertNever(event);
    }
  }

  setIceServers(iceServers: IceServer[]): void {
    if (this.iceServers === iceServers) return;
    this.iceServers = iceServers;
    this.forwarded.setIceServers(iceServers);
    this.direct?.setIceServers(iceServers);
  }

  setView(tiles: Tile[]): void {
    this.listener.send({ type: "view", room_id: this.roomId, view: { kind: "tiles", tiles } });
  }

  /** Whether the websocket is up. */
  setServerIsThere(isThere: boolean): void {
    this.serverIsThere = isThere;
  }

  networkChanged(): void {
    // While it rings nothing flows yet that would be worth keeping.
    if (this.paths === null) this.forwarded.renew("all");
    else this.run({ kind: "network_changed" });
  }

  forgetServer(patienceMs: number): void {
    this.forwarded.close();
    this.run({ kind: "server_gone", patienceMs });
  }

  /** The server was started again: what it knew of forwarded is gone. Direct does not notice. */
  serverRestarted(): void {
    this.forwarded.restart();
  }

  /** Tells the other's page directly, if that is possible. */
  tell(message: DirectMessage): boolean {
    return this.direct?.tell(JSON.stringify(message)) ?? false;
  }

  /** `farewell`: the other is to know that it was hung up. */
  close(farewell: boolean): void {
    const { direct } = this;
    const told = farewell && this.tell({ type: "hang_up" });
    this.closed = true;
    clearInterval(this.timer);
    if (told) {
      // A connection that is closed in the same moment takes its last words along.
      direct?.setTracks(NO_TRACKS);
      setTimeout(() => direct?.close(false), FAREWELL_MS);
    } else {
      direct?.close(false);
    }
    this.forwarded.close();
    this.listener.remote(NO_REMOTE_TRACKS);
  }

  /** The connection that brings what is shown. */
  shown(): { path: Path; connection: RTCPeerConnection | null } | null {
    const path = this.paths?.shownPath ?? null;
    if (path === null) return null;
    return { path, connection: (path === "direct" ? this.direct?.connection : this.forwarded.connection) ?? null };
  }

  /** For tests: see web/README.md. */
  closeDirect(): void {
    this.direct?.close(true);
  }

  async stats(): Promise<Record<string, unknown>> {
    const side = async (path: Path, connection: RTCPeerConnection | null) => ({
      ...(await readInbound(connection)),
      connectionState: this.states[path],
      sending: this.paths?.isSendingOn(path) ?? false,
    });
    return {
      direct: await side("direct", this.direct?.connection ?? null),
      forwarded: await side("forwarded", this.forwarded.connection),
      shown_path: this.paths?.shownPath ?? null,
    };
  }

  private makeDirect(polite: boolean, to: string, generation: number): void {
    const world: DirectWorld = {
      signal: (signal) => {
        this.watch.signal("here", signal);
        if (!this.closed) this.listener.send({ type: "signal", room_id: this.roomId, to, signal });
      },
      state: (state) => this.stateChanged("direct", state),
      stream: (stream) => this.streamChanged("direct", stream),
      renewed: () => this.run({ kind: "renewed" }),
      message: (text) => this.heard(text),
      generation: (number) => this.listener.generation(number),
      restartAsked: () => this.run({ kind: "restart_asked" }),
    };
    this.watch.begin(Date.now());
    this.direct = new Direct(this.iceServers, polite, world, generation);
  }

  private heard(text: string): void {
    const message = this.closed ? null : readMessage(text);
    if (message === null) return;
    if (message.type === "leg") {
      this.run({ kind: "other_leg", roundTripMs: message.round_trip_ms });
      return;
    }
    if (message.type === "sources") this.run({ kind: "other_sources", sources: message.sources });
    this.listener.told(message);
  }

  private stateChanged(path: Path, state: RTCPeerConnectionState): void {
    this.states[path] = state;
    if (path === "direct") this.watch.state(state);
    this.run({ kind: "connection", path, state });
  }

  private streamChanged(path: Path, stream: MediaStream): void {
    this.streams[path] = stream;
    this.play();
  }

  private run(input: PathsInput): void {
    if (this.closed) return;
    for (const output of this.paths?.handle(input, Date.now()) ?? []) this.carryOut(output);
  }

  private carryOut(output: PathsOutput): void {
    const { roomId } = this;
    switch (output.kind) {
      case "send_on":
        this.applyTracks();
        break;
      case "hear":
        this.play();
        break;
      case "show":
        this.play();
        this.listener.pathShown(output.path, output.reason);
        break;
      case "request":
        this.listener.send({ type: "request_path", room_id: roomId, path: output.path, reason: output.reason });
        break;
      case "report":
        this.listener.pathShown(output.path, output.reason);
        this.listener.send({
          type: "report_path",
          room_id: roomId,
          path: output.path,
          reason: output.reason,
          protocol: this.inbound[output.path]?.protocol ?? null,
          setup_ms: output.setupMs,
        });
        break;
      case "repair_direct":
        // Without a network a restart gathers nothing and gets stuck.
        if (!navigator.onLine) break;
        if (output.step === "rebuild") this.direct?.rebuild();
        else if (output.step === "ask_restart") this.direct?.askRestart();
        else this.direct?.restartIce();
        break;
      case "repair_forwarded":
        if (output.step.kind === "renew") this.forwarded.renew(output.step.candidates);
        else this.forwarded.restartIce();
        break;
      case "lost":
        this.listener.lost(output.closed);
        break;
      default:
        assertNever(output);
    }
  }

  /** Only the two together know how long the way through the server is. */
  private tellLeg(roundTripMs: number | null): void {
    const now = Date.now();
    if (roundTripMs === null || now - this.legToldAt < TELL_LEG_EVERY_MS) return;
    this.legToldAt = now;
    this.direct?.tell(JSON.stringify({ type: "leg", round_trip_ms: roundTripMs }));
  }

  private applyTracks(): void {
    const on = (path: Path) => (this.paths?.isSendingOn(path) ? this.tracks : NO_TRACKS);
    this.forwarded.setTracks(on("forwarded"));
    this.direct?.setTracks(on("direct"));
  }

  /** Forwarded is played from the start, so that the first sound is heard; afterwards only what paths.ts shows. */
  private play(): void {
    if (this.paths === null || this.closed) return;
    const shown = this.paths.shownPath ?? "forwarded";
    const heard = this.paths.heardPath ?? shown;
    const [pictures, sounds] = [this.streams[shown], this.streams[heard]];
    if (pictures === null || sounds === null) return;
    const tracks = [...sounds.getAudioTracks(), ...pictures.getVideoTracks()];
    const playing = this.playing?.getTracks() ?? [];
    if (tracks.length === playing.length && tracks.every((track) => playing.includes(track))) return;
    this.playing = heard === shown ? pictures : new MediaStream(tracks);
    this.listener.remote(this.remoteTracks(sounds, pictures));
  }

  private remoteTracks(sounds: MediaStream, pictures: MediaStream): RemoteTracks {
    if (this.otherId === null) return NO_REMOTE_TRACKS;
    const [sound, picture] = [sounds.getAudioTracks()[0], pictures.getVideoTracks()[0]];
    const tracks: Partial<Record<Source, RemoteTrack>> = {};
    if (sound) tracks.microphone = { track: sound, paused: false };
    if (picture) tracks.camera = { track: picture, paused: false };
    return new Map([[this.otherId, tracks]]);
  }

  private async sample(): Promise<void> {
    if (this.sampling) return;
    this.sampling = true;
    const [direct, forwarded] = await Promise.all([
      readInbound(this.direct?.connection ?? null),
      readInbound(this.forwarded.connection),
    ]);
    this.sampling = false;
    if (this.closed) return;
    this.inbound = { direct, forwarded };
    this.run({ kind: "sample", direct, forwarded, reachable: this.serverIsThere && navigator.onLine });
    this.tellLeg(forwarded?.roundTripMs ?? null);
    const shown = this.paths?.shownPath ?? null;
    const inbound = shown && this.inbound[shown];
    this.listener.measured({
      roundTripMs: inbound?.roundTripMs ?? null,
      protocol: inbound?.protocol ?? null,
      direct: this.watch.facts(Date.now()),
    });
  }
}

const SOURCES: readonly string[] = ["microphone", "camera", "screen", "screen_audio"] satisfies Source[];

/** How long the other's way to the server and back takes. */
interface Leg {
  type: "leg";
  round_trip_ms: number;
}

/** The other page may be of another version, or hostile. */
function readMessage(text: string): DirectMessage | Leg | null {
  try {
    const { type, sources, round_trip_ms } = JSON.parse(text) as Record<string, unknown>;
    if (type === "hang_up") return { type };
    if (type === "leg" && typeof round_trip_ms === "number" && round_trip_ms >= 0) return { type, round_trip_ms };
    if (type !== "sources" || !Array.isArray(sources)) return null;
    return { type, sources: sources.filter((one): one is Source => SOURCES.includes(one)) };
  } catch {
    return null;
  }
}
