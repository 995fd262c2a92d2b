/**
 * The connection to the other browser: perfect negotiation (W3C WebRTC section 10.7) over the signaling. The impolite side makes
 * the m-lines and offers; the polite side answers, so the two cross only when both restart at once.
 */

import type { DirectSignal, IceServer, Source } from "../protocol";
import { stunOf } from "./ice-servers";
import { Sender } from "./sender";
import { isSound, NO_TRACKS, SOURCES, type Tracks } from "./tracks";

export type ReceivedTracks = Partial<Record<Source, MediaStreamTrack>>;

export interface DirectWorld {
  signal(signal: DirectSignal): void;
  state(state: RTCPeerConnectionState): void;
  /** What is received of the other from here on. */
  received(tracks: ReceivedTracks): void;
  /** The other began another connection: it was loaded again, or repaired this one. */
  renewed(): void;
  /** A text of the other's page on the data channel. */
  message(text: string): void;
  generation(generation: number): void;
  /** The other, who does not offer, wants new addresses. */
  restartAsked(): void;
}

export class Direct {
  connection: RTCPeerConnection | null = null;
  private generation = 0;
  private channel: RTCDataChannel | null = null;
  private makingOffer = false;
  private ignoreOffer = false;
  private settingAnswer = false;
  /** Candidates that came before the description they belong to. */
  private early: RTCIceCandidateInit[] = [];
  /** Signals are handled one after the other: a candidate must not overtake its description. */
  private queue: Promise<void> = Promise.resolve();
  private senders: Partial<Record<Source, Sender>> = {};
  private tracks: Tracks = NO_TRACKS;

  /** `generation`: the latest of this pair, maybe made by a page before: then the other still has its end of it. */
  constructor(
    private iceServers: IceServer[],
    private readonly polite: boolean,
    private readonly world: DirectWorld,
    generation = 0,
  ) {
    this.make(generation + 1);
    // The polite side does not offer, so the other has to be told that there is something to offer for.
    if (polite && generation > 0) {
      this.world.signal({ kind: "candidate", generation: this.generation, candidate: null });
    }
  }

  /** Whether a text went out to the other's page. */
  tell(text: string): boolean {
    if (this.channel?.readyState !== "open") return false;
    this.channel.send(text);
    return true;
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    for (const source of SOURCES) this.senders[source]?.setTrack(tracks[source]);
  }

  handleSignal(signal: DirectSignal): void {
    this.queue = this.queue.then(() => this.take(signal)).catch(() => {});
  }

  /** New addresses for the same connection. Only while nothing else is being negotiated: overlapping restarts get stuck. */
  restartIce(): void {
    const { connection } = this;
    if (connection === null || connection.signalingState !== "stable" || this.makingOffer) return;
    connection.setConfiguration(this.configuration());
    connection.restartIce();
  }

  /** What restartIce does, for the side that does not offer. */
  askRestart(): void {
    this.world.signal({ kind: "restart", generation: this.generation });
  }

  /** For every connection and every restart from here on. */
  setIceServers(iceServers: IceServer[]): void {
    this.iceServers = iceServers;
  }

  /** A connection that no restart revives. The other follows when it sees the higher generation. */
  rebuild(): void {
    this.make(this.generation + 1);
  }

  /** `tell`: whether it is a loss that has to be dealt with, not the end of the call. */
  close(tell: boolean): void {
    this.drop();
    if (tell) this.world.state("closed");
  }

  /** Falls silent, and is closed after a while: that holds up what else the browser has to receive. */
  closeLater(afterMs: number): void {
    this.setTracks(NO_TRACKS);
    const connection = this.letGo();
    setTimeout(() => connection?.close(), afterMs);
  }

  private make(generation: number): void {
    this.drop();
    this.generation = generation;
    this.world.generation(generation);
    const connection = new RTCPeerConnection(this.configuration());
    this.connection = connection;
    connection.onconnectionstatechange = () => {
      if (connection === this.connection) this.world.state(connection.connectionState);
    };
    connection.onicecandidate = ({ candidate }) => {
      if (connection !== this.connection) return;
      const one = candidate && {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdpMid,
        sdp_m_line_index: candidate.sdpMLineIndex,
        username_fragment: candidate.usernameFragment,
      };
      this.world.signal({ kind: "candidate", generation, candidate: one });
    };
    connection.onnegotiationneeded = () => void this.offer(connection);
    if (this.polite) return;
    // All that may ever be sent, so that a screen comes and goes by replaceTrack.
    for (const source of SOURCES) {
      connection.addTransceiver(isSound(source) ? "audio" : "video", { direction: "sendrecv" });
    }
    this.openChannel(connection);
    this.adopt(connection);
  }

  private configuration(): RTCConfiguration {
    return { iceServers: stunOf(this.iceServers), bundlePolicy: "max-bundle" };
  }

  private async offer(connection: RTCPeerConnection): Promise<void> {
    try {
      this.makingOffer = true;
      await connection.setLocalDescription();
      this.sendDescription(connection);
    } catch {
      // Closed, or an offer of the other came in between: negotiationneeded fires again if it is still needed.
    } finally {
      this.makingOffer = false;
    }
  }

  private sendDescription(connection: RTCPeerConnection): void {
    const description = connection.localDescription;
    if (connection !== this.connection || description === null) return;
    const sdp_type = description.type === "offer" ? "offer" : "answer";
    this.world.signal({ kind: "description", generation: this.generation, sdp_type, sdp: description.sdp });
  }

  private async take(signal: DirectSignal): Promise<void> {
    if (signal.generation < this.generation) return;
    if (signal.generation > this.generation) {
      this.make(signal.generation);
      this.world.renewed();
    }
    const { connection } = this;
    if (connection === null) return;
    if (signal.kind === "description") {
      await this.takeDescription(connection, { type: signal.sdp_type, sdp: signal.sdp });
      return;
    }
    if (signal.kind === "restart") {
      if (!this.polite) this.world.restartAsked();
      return;
    }
    if (!signal.candidate) return;
    await this.takeCandidate(connection, {
      candidate: signal.candidate.candidate,
      sdpMid: signal.candidate.sdp_mid,
      sdpMLineIndex: signal.candidate.sdp_m_line_index,
      usernameFragment: signal.candidate.username_fragment,
    });
  }

  private async takeDescription(connection: RTCPeerConnection, description: RTCSessionDescriptionInit): Promise<void> {
    const ready = !this.makingOffer && (connection.signalingState === "stable" || this.settingAnswer);
    const collision = description.type === "offer" && !ready;
    this.ignoreOffer = !this.polite && collision;
    if (this.ignoreOffer) return;
    this.settingAnswer = description.type === "answer";
    try {
      await connection.setRemoteDescription(description);
    } finally {
      this.settingAnswer = false;
    }
    if (description.type === "offer") {
      this.openChannel(connection);
      if (this.senders.microphone === undefined) {
        // Made by the offer, they would only receive.
        for (const one of connection.getTransceivers()) one.direction = "sendrecv";
        this.adopt(connection);
      }
      await connection.setLocalDescription();
      this.sendDescription(connection);
    }
    const { early } = this;
    this.early = [];
    for (const candidate of early) await this.takeCandidate(connection, candidate);
  }

  private async takeCandidate(connection: RTCPeerConnection, candidate: RTCIceCandidateInit): Promise<void> {
    if (connection.remoteDescription === null) {
      this.early.push(candidate);
      return;
    }
    // A candidate of an ignored offer, or of before a restart, has nothing to belong to.
    await connection.addIceCandidate(candidate).catch(() => {});
  }

  /** The m-lines of each kind stand in the order of SOURCES; a page of an earlier version has none for a screen. */
  private adopt(connection: RTCPeerConnection): void {
    if (connection !== this.connection) return;
    const lines = connection.getTransceivers();
    const received: ReceivedTracks = {};
    for (const source of SOURCES) {
      const kind = isSound(source) ? "audio" : "video";
      const at = lines.findIndex((one) => one.receiver.track.kind === kind);
      const [line] = at < 0 ? [] : lines.splice(at, 1);
      if (line === undefined) continue;
      this.senders[source] = new Sender(line.sender);
      received[source] = line.receiver.track;
    }
    this.setTracks(this.tracks);
    this.world.received(received);
  }

  /** Both ends open the same numbered channel; the polite one inside its answer, so that it needs no offer of its own. */
  private openChannel(connection: RTCPeerConnection): void {
    if (this.channel !== null) return;
    const channel = connection.createDataChannel("tandem", { negotiated: true, id: 0 });
    this.channel = channel;
    channel.onmessage = ({ data }) => {
      if (connection === this.connection && typeof data === "string") this.world.message(data);
    };
    // The other closed the connection: states would take many seconds to say so.
    channel.onclose = () => {
      if (connection === this.connection) this.world.state("closed");
    };
  }

  private drop(): void {
    this.letGo()?.close();
  }

  /** Has no part any more in the connection that it had. */
  private letGo(): RTCPeerConnection | null {
    const { connection } = this;
    if (this.channel) this.channel.onclose = null;
    this.connection = null;
    this.channel = null;
    this.senders = {};
    this.early = [];
    this.makingOffer = false;
    this.settingAnswer = false;
    if (connection !== null) {
      connection.onconnectionstatechange = null;
      connection.onicecandidate = null;
      connection.onnegotiationneeded = null;
    }
    return connection;
  }
}
