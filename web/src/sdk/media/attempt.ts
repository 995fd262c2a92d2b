/**
 * One connection to the server's SFU: its m-lines, and its offers. It carries nothing by itself that it was not given.
 */

import type { IceServer, Source, SourceLine, WantedLayer } from "../protocol";
import { type Candidates, withCandidates } from "./answer";
import { relaysOf } from "./ice-servers";
import { Sender } from "./sender";
import type { SlotCount } from "./slots";
import { SOURCES, type Tracks } from "./tracks";

export interface AttemptWorld {
  offer(attempt: number, sdp: string, sources: SourceLine[]): void;
  state(state: RTCPeerConnectionState): void;
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

type Lines = Record<Source, { transceiver: RTCRtpTransceiver; sender: Sender }>;

export class Attempt {
  readonly connection: RTCPeerConnection;
  private readonly lines: Lines;
  private readonly slots: RTCRtpTransceiver[];
  private offering = false;
  private closed = false;

  constructor(
    readonly number: number,
    iceServers: IceServer[],
    private candidates: Candidates,
    private readonly world: AttemptWorld,
  ) {
    const connection = new RTCPeerConnection({ ...CONFIGURATION, iceServers: relaysOf(iceServers) });
    this.connection = connection;
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
    connection.onconnectionstatechange = () => this.world.state(connection.connectionState);
  }

  setTracks(tracks: Tracks): void {
    for (const source of SOURCES) this.lines[source].sender.setTrack(tracks[source]);
  }

  setLayers(source: "camera" | "screen", layers: WantedLayer[]): void {
    this.lines[source].sender.setLayers(layers);
  }

  /** What is received in a slot. */
  trackAt(mid: string): MediaStreamTrack | null {
    return this.slots.find((slot) => slot.mid === mid)?.receiver.track ?? null;
  }

  /** The first offer. */
  begin(slots: SlotCount): void {
    this.addSlots(slots);
    void this.offer();
  }

  /** Offers what slots are missing, once the negotiation before is over. */
  grow(wanted: SlotCount): void {
    if (this.offering || this.connection.signalingState !== "stable") return;
    if (this.addSlots(wanted)) void this.offer();
  }

  /** Whether the answer was one to an offer that waits. Throws what is no answer to it. */
  async answered(sdp: string): Promise<boolean> {
    if (this.connection.signalingState !== "have-local-offer") return false;
    await this.connection.setRemoteDescription({ type: "answer", sdp: withCandidates(sdp, this.candidates) });
    return !this.closed;
  }

  /** New addresses for the same connection; what flows goes on over the old ones until they are found. */
  restartIce(iceServers: IceServer[]): void {
    // A negotiation that is under way has an answer to come: two that overlap get stuck.
    if (this.connection.signalingState !== "stable" || this.offering) return;
    this.candidates = "all";
    this.connection.setConfiguration({ ...CONFIGURATION, iceServers: relaysOf(iceServers) });
    this.connection.restartIce();
    void this.offer();
  }

  /** Nothing is heard of its state any more. */
  fallSilent(): void {
    this.connection.onconnectionstatechange = null;
  }

  close(): void {
    this.closed = true;
    this.fallSilent();
    this.connection.close();
  }

  private addSlots(wanted: SlotCount): boolean {
    const before = this.slots.length;
    for (const kind of ["audio", "video"] as const) {
      const there = this.slots.filter((slot) => slot.receiver.track.kind === kind).length;
      for (let missing = wanted[kind] - there; missing > 0; missing -= 1) {
        const slot = this.connection.addTransceiver(kind, { direction: "recvonly" });
        if (kind === "video") slim(slot);
        this.slots.push(slot);
      }
    }
    return this.slots.length > before;
  }

  private async offer(): Promise<void> {
    this.offering = true;
    try {
      await this.connection.setLocalDescription();
    } catch {
      return;
    } finally {
      this.offering = false;
    }
    const sdp = this.connection.localDescription?.sdp;
    if (this.closed || sdp === undefined) return;
    const sources: SourceLine[] = SOURCES.flatMap((source) => {
      const { mid } = this.lines[source].transceiver;
      return mid === null ? [] : [{ mid, source }];
    });
    // At once, without our candidates: the server is ICE-lite and learns our addresses from our checks.
    this.world.offer(this.number, sdp, sources);
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
