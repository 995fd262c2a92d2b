/**
 * The connection to the server's SFU. One offer carries everything that may ever be sent, without tracks, so it connects while
 * the call still rings; afterwards tracks come and go by replaceTrack. Only more slots need another offer, which goes on with the same
 * connection. A broken connection is made again with the next attempt.
 */

import type { Command, IceServer, Source, SourceLine, WantedLayer } from "../protocol";
import { type Candidates, offersTcp, withCandidates } from "./answer";
import { relaysOf } from "./ice-servers";
import { Sender } from "./sender";
import { atLeast, FEWEST_SLOTS, type SlotCount } from "./slots";
import { NO_TRACKS, SOURCES, type Tracks } from "./tracks";

export interface ForwardedWorld {
  send(command: Command): void;
  state(state: RTCPeerConnectionState): void;
  /** Another connection takes the place of the one before, and tries these of the server's candidates. */
  made(candidates: Candidates): void;
  /** The server's answer was taken, and whether it can be reached over TCP. */
  answered(offersTcp: boolean): void;
}

/** Smallest first: the order of the rids in the offer. Of two temporal layers the server can leave one out for who has little bandwidth. */
const CAMERA_ENCODINGS = [
  { rid: "q", scaleResolutionDownBy: 4, maxBitrate: 150_000, scalabilityMode: "L1T2" },
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000, scalabilityMode: "L1T2" },
  { rid: "f", maxBitrate: 1_700_000, scalabilityMode: "L1T2" },
];

/** Half the size is hard to read, but shows who is on a narrow way, or looks at a small tile, what is going on. */
const SCREEN_ENCODINGS = [
  { rid: "h", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "f", maxBitrate: 2_500_000 },
];

const CONFIGURATION: RTCConfiguration = { bundlePolicy: "max-bundle" };

/** Waits before attempts that follow each other; a connection that held for a while starts from the first again. */
const REMAKE_AFTER_MS = [0, 1000, 2000, 4000, 8000, 15_000];
const HELD_MS = 10_000;

type Lines = Record<Source, { transceiver: RTCRtpTransceiver; sender: Sender }>;

export class Forwarded {
  connection: RTCPeerConnection | null = null;
  private failures = 0;
  private connectedAt: number | null = null;
  private remakeTimer: ReturnType<typeof setTimeout> | undefined;
  private lines: Lines | null = null;
  private slots: RTCRtpTransceiver[] = [];
  private slotsWanted = FEWEST_SLOTS;
  private offering = false;
  private tracks: Tracks = NO_TRACKS;
  private candidates: Candidates = "all";
  private closed = false;

  /** `attempt`: the latest that this session made in the room, maybe from a page before. */
  constructor(
    readonly roomId: string,
    private latestAttempt: number,
    private iceServers: IceServer[],
    private readonly world: ForwardedWorld,
  ) {
    this.make("all");
  }

  get attempt(): number {
    return this.latestAttempt;
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    for (const source of SOURCES) this.lines?.[source].sender.setTrack(tracks[source]);
  }

  setLayers(source: Source, layers: WantedLayer[]): void {
    if (source === "camera" || source === "screen") this.lines?.[source].sender.setLayers(layers);
  }

  /** At least so many, from here on. */
  setSlots(wanted: SlotCount): void {
    this.slotsWanted = atLeast(this.slotsWanted, wanted);
    this.grow();
  }

  /** What is received in a slot. */
  trackAt(mid: string): MediaStreamTrack | null {
    return this.slots.find((slot) => slot.mid === mid)?.receiver.track ?? null;
  }

  async answered(attempt: number, sdp: string): Promise<void> {
    const { connection } = this;
    if (attempt !== this.attempt || connection === null || connection.signalingState !== "have-local-offer") return;
    try {
      await connection.setRemoteDescription({ type: "answer", sdp: withCandidates(sdp, this.candidates) });
      if (connection !== this.connection) return;
      this.world.answered(offersTcp(sdp));
      this.grow();
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
    if (connection === null || connection.signalingState !== "stable" || this.offering) return;
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
    this.latestAttempt += 1;
    const connection = new RTCPeerConnection({ ...CONFIGURATION, iceServers: relaysOf(this.iceServers) });
    this.connection = connection;
    this.candidates = candidates;
    this.world.made(candidates);
    const audio = connection.addTransceiver("audio", { direction: "sendrecv" });
    const line = (transceiver: RTCRtpTransceiver) => ({ transceiver, sender: new Sender(transceiver.sender) });
    this.lines = {
      microphone: line(audio),
      camera: line(addVideo(connection, CAMERA_ENCODINGS)),
      screen: line(addVideo(connection, SCREEN_ENCODINGS)),
      screen_audio: line(connection.addTransceiver("audio", { direction: "sendonly" })),
    };
    // Firefox resets the receiver of an m-line whose video sender's parameters are set: only the microphone's is a slot, too.
    this.slots = [audio];
    this.addSlots(connection);
    this.setTracks(this.tracks);
    connection.onconnectionstatechange = () => this.stateChanged(connection);
    void this.offer(connection, this.attempt);
  }

  /** Offers what slots are missing, once the negotiation before is over. */
  private grow(): void {
    const { connection } = this;
    if (connection === null || this.offering || connection.signalingState !== "stable") return;
    if (this.addSlots(connection)) void this.offer(connection, this.attempt);
  }

  private addSlots(connection: RTCPeerConnection): boolean {
    const before = this.slots.length;
    for (const kind of ["audio", "video"] as const) {
      const there = this.slots.filter((slot) => slot.receiver.track.kind === kind).length;
      for (let missing = this.slotsWanted[kind] - there; missing > 0; missing -= 1) {
        const slot = connection.addTransceiver(kind, { direction: "recvonly" });
        if (kind === "video") slim(slot);
        this.slots.push(slot);
      }
    }
    return this.slots.length > before;
  }

  private async offer(connection: RTCPeerConnection, attempt: number): Promise<void> {
    this.offering = true;
    try {
      await connection.setLocalDescription();
    } catch {
      return;
    } finally {
      if (connection === this.connection) this.offering = false;
    }
    const sdp = connection.localDescription?.sdp;
    if (connection !== this.connection || sdp === undefined || this.lines === null) return;
    const { lines } = this;
    const sources: SourceLine[] = SOURCES.flatMap((source) => {
      const { mid } = lines[source].transceiver;
      return mid === null ? [] : [{ mid, source }];
    });
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
    this.lines = null;
    this.slots = [];
    this.offering = false;
    if (connection === null) return;
    connection.onconnectionstatechange = null;
    connection.close();
  }
}

/** A browser that does not know temporal layers by name either ignores them or refuses the whole m-line. */
function addVideo(
  connection: RTCPeerConnection,
  encodings: (RTCRtpEncodingParameters & { scalabilityMode?: string })[],
): RTCRtpTransceiver {
  const direction = "sendonly";
  try {
    return connection.addTransceiver("video", { direction, sendEncodings: encodings.map((one) => ({ ...one })) });
  } catch {
    const sendEncodings = encodings.map(({ scalabilityMode, ...one }) => one);
    return connection.addTransceiver("video", { direction, sendEncodings });
  }
}

const SLOT_CODECS = /^video\/(VP8|VP9|AV1|H264|rtx)$/i;

/** Leaves out the profiles that no camera here sends: eighteen slots with all of them are more than the server reads. */
function slim(slot: RTCRtpTransceiver): void {
  const all = RTCRtpReceiver.getCapabilities?.("video")?.codecs ?? [];
  const codecs = all.filter(({ mimeType, sdpFmtpLine = "" }) => {
    if (!SLOT_CODECS.test(mimeType)) return false;
    if (/profile-id=[1-9]|profile=[1-9]/.test(sdpFmtpLine)) return false;
    return !/H264$/i.test(mimeType) || /^(?=.*packetization-mode=1)(?=.*profile-level-id=42e0)/i.test(sdpFmtpLine);
  });
  if (codecs.length > 0) slot.setCodecPreferences?.(codecs);
}
