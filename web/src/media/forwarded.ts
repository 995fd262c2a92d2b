/**
 * The connection to the server's SFU. One offer carries everything that may ever be sent, without tracks, so it connects while
 * the call still rings; afterwards tracks come and go by replaceTrack. A broken connection is made again with the next attempt.
 */

import type { Command, IceServer, SourceLine, WantedLayer } from "../protocol";
import { type Candidates, offersTcp, withCandidates } from "./answer";
import { relaysOf } from "./ice-servers";
import { Sender } from "./sender";

export interface Tracks {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
}

export interface ForwardedWorld {
  send(command: Command): void;
  state(state: RTCPeerConnectionState): void;
  /** Another connection takes the place of the one before, and tries these of the server's candidates. */
  made(candidates: Candidates): void;
  /** The server's answer was taken, and whether it can be reached over TCP. */
  answered(offersTcp: boolean): void;
  /** The stream of the other, whenever there is another one. */
  stream(stream: MediaStream): void;
}

/** Smallest first: the order of the rids in the offer. */
const CAMERA_ENCODINGS: RTCRtpEncodingParameters[] = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", maxBitrate: 1_700_000 },
];

const CONFIGURATION: RTCConfiguration = { bundlePolicy: "max-bundle" };

/** Waits before attempts that follow each other; a connection that held for a while starts from the first again. */
const REMAKE_AFTER_MS = [0, 1000, 2000, 4000, 8000, 15_000];
const HELD_MS = 10_000;

export class Forwarded {
  connection: RTCPeerConnection | null = null;
  private failures = 0;
  private connectedAt: number | null = null;
  private remakeTimer: ReturnType<typeof setTimeout> | undefined;
  private microphone: Sender | null = null;
  private camera: Sender | null = null;
  private tracks: Tracks = { microphone: null, camera: null };
  private candidates: Candidates = "all";
  private closed = false;

  /** `attempt`: the latest that this session made in the room, maybe from a page before. */
  constructor(
    readonly roomId: string,
    private attempt: number,
    private iceServers: IceServer[],
    private readonly world: ForwardedWorld,
  ) {
    this.make("all");
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    this.microphone?.setTrack(tracks.microphone);
    this.camera?.setTrack(tracks.camera);
  }

  setLayers(layers: WantedLayer[]): void {
    this.camera?.setLayers(layers);
  }

  async answered(attempt: number, sdp: string): Promise<void> {
    const { connection } = this;
    if (attempt !== this.attempt || connection === null || connection.signalingState !== "have-local-offer") return;
    try {
      await connection.setRemoteDescription({ type: "answer", sdp: withCandidates(sdp, this.candidates) });
      if (connection === this.connection) this.world.answered(offersTcp(sdp));
    } catch {
      if (connection === this.connection) this.remake();
    }
  }

  lost(attempt: number): void {
    // What this page closed itself, the server loses too, and says so before the next attempt is made.
    if (attempt === this.attempt && this.connection !== null) this.remake();
  }

  /** The server was started again and knows nothing of the connection: no need to wait until it is found dead. */
  restart(): void {
    this.failures = 0;
    this.connectedAt = null;
    this.remake();
  }

  /** For every connection and every restart from here on. */
  setIceServers(iceServers: IceServer[]): void {
    this.iceServers = iceServers;
  }

  /** New addresses for the same connection; what flows goes on over the old ones until they are found. */
  restartIce(): void {
    const { connection } = this;
    // A negotiation that is under way has an answer to come: two that overlap get stuck.
    if (connection === null || connection.signalingState !== "stable") return;
    this.candidates = "all";
    connection.setConfiguration({ ...CONFIGURATION, iceServers: relaysOf(this.iceServers) });
    connection.restartIce();
    void this.offer(connection, this.attempt);
  }

  /** Whoever asks for it has a back-off of its own. */
  renew(candidates: Candidates): void {
    this.failures = 0;
    this.remake(candidates);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.remakeTimer);
    this.drop();
  }

  private make(candidates: Candidates): void {
    this.attempt += 1;
    const connection = new RTCPeerConnection({ ...CONFIGURATION, iceServers: relaysOf(this.iceServers) });
    this.connection = connection;
    this.candidates = candidates;
    this.world.made(candidates);
    const audio = connection.addTransceiver("audio", { direction: "sendrecv" });
    const camera = connection.addTransceiver("video", {
      direction: "sendonly",
      sendEncodings: CAMERA_ENCODINGS.map((encoding) => ({ ...encoding })),
    });
    // Firefox resets the receiver of an m-line whose sender's parameters are set: the other's camera has one of its own.
    const video = connection.addTransceiver("video", { direction: "recvonly" });
    this.microphone = new Sender(audio.sender);
    this.camera = new Sender(camera.sender);
    this.setTracks(this.tracks);
    connection.onconnectionstatechange = () => this.stateChanged(connection);
    // From the transceivers, not from ontrack: an encoded transform set later than here is ignored by Chromium.
    this.world.stream(new MediaStream([audio.receiver.track, video.receiver.track]));
    void this.offer(connection, this.attempt);
  }

  private async offer(connection: RTCPeerConnection, attempt: number): Promise<void> {
    try {
      await connection.setLocalDescription();
    } catch {
      return;
    }
    const sdp = connection.localDescription?.sdp;
    if (connection !== this.connection || sdp === undefined) return;
    const [audio, camera] = connection.getTransceivers();
    const sources: SourceLine[] = [
      { mid: audio?.mid ?? "0", source: "microphone" },
      { mid: camera?.mid ?? "1", source: "camera" },
    ];
    // At once, without our candidates: the server is ICE-lite and learns our addresses from our checks.
    this.world.send({ type: "offer", room_id: this.roomId, attempt, sdp, sources });
  }

  private stateChanged(connection: RTCPeerConnection): void {
    if (connection !== this.connection) return;
    const state = connection.connectionState;
    if (state === "connected") this.connectedAt = performance.now();
    this.world.state(state);
    if (state === "failed" || state === "closed") this.remake();
  }

  private remake(candidates: Candidates = "all"): void {
    if (this.closed) return;
    if (this.connectedAt !== null && performance.now() - this.connectedAt > HELD_MS) this.failures = 0;
    this.connectedAt = null;
    this.drop();
    this.world.state("connecting");
    const wait = REMAKE_AFTER_MS[Math.min(this.failures, REMAKE_AFTER_MS.length - 1)];
    this.failures += 1;
    clearTimeout(this.remakeTimer);
    this.remakeTimer = setTimeout(() => this.make(candidates), wait);
  }

  private drop(): void {
    const { connection } = this;
    this.connection = null;
    this.microphone = null;
    this.camera = null;
    if (connection === null) return;
    connection.onconnectionstatechange = null;
    connection.close();
  }
}
