/** A short connection to the server's SFU that sends a picture of noise: round trip, loss, and how much fits on the way up. */

import { relaysOf } from "../sdk/media/ice-servers";
import { type Entry, entriesOf, inboundOf } from "../sdk/media/stats";
import type { Command, Event, IceServer, PathProtocol } from "../sdk/protocol";
import type { Measured } from "./check";
import { testCard } from "./test-card";

const CONNECT_WITHIN_MS = 5000;
/** The receiver reports on loss about once a second. */
const MEASURE_MS = 2600;
const SAMPLE_EVERY_MS = 200;
/** Enough to tell a narrow way from a wide one; more would be a load on a phone's contract. */
const BITRATE_MAX_BPS = 2_500_000;
/** However far it has come. */
const OVER_AFTER_MS = 10_000;
/** What is sent in the first moments is the encoder's start, not the way's width. */
const WARM_UP_MS = 1000;

export interface MeasureWorld {
  send(command: Command): void;
  iceServers: IceServer[];
  signal: AbortSignal;
}

/** What one moment's statistics tell. */
export interface Moment {
  atMs: number;
  roundTripMs: number | null;
  bytesSent: number;
  packetsSent: number;
  /** As the receiver counts; null before its first report. */
  packetsLost: number | null;
  reportedRoundTripMs: number | null;
  estimateBps: number | null;
}

export class Measurement {
  private connection: RTCPeerConnection | null = null;
  private roomId: string | null = null;
  private answered: (sdp: string) => void = () => {};
  private failed: () => void = () => {};

  constructor(private readonly world: MeasureWorld) {}

  /** Takes an event that belongs to this measurement; else leaves it to others. */
  handle(event: Event, answers: Command["type"] | null): boolean {
    switch (event.type) {
      case "check_started":
        this.started(event.room_id);
        return true;
      case "error":
        if (answers !== "start_check") return false;
        this.failed();
        return true;
      case "offer_answered":
        if (event.room_id !== this.roomId) return false;
        this.answered(event.sdp);
        return true;
      case "transport_lost":
        if (event.room_id !== this.roomId) return false;
        this.failed();
        return true;
      case "layers_wanted":
      case "slots_changed":
        // Nobody watches, so nothing is wanted; here it is sent all the same.
        return event.room_id === this.roomId;
      default:
        return false;
    }
  }

  private started: (roomId: string) => void = () => {};

  /** null: no connection came up, or it was called off. */
  async run(): Promise<{ measured: Measured; protocol: PathProtocol | null } | null> {
    const { signal } = this.world;
    const card = testCard();
    if (card === null || signal.aborted) return null;
    const over = new Promise<null>((resolve) => {
      this.failed = () => resolve(null);
    });
    const end = () => {
      card.stop();
      this.connection?.close();
      this.world.send({ type: "end_check" });
      this.failed();
    };
    // In the same moment: another check may begin right after.
    signal.addEventListener("abort", end, { once: true });
    const timer = setTimeout(this.failed, OVER_AFTER_MS);
    try {
      return await Promise.race([over, this.measure(card.track)]);
    } catch {
      return null;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      if (!signal.aborted) end();
    }
  }

  private async measure(track: MediaStreamTrack) {
    const roomId = await new Promise<string>((resolve) => {
      this.started = resolve;
      this.world.send({ type: "start_check" });
    });
    this.roomId = roomId;
    const connection = new RTCPeerConnection({
      iceServers: relaysOf(this.world.iceServers),
      bundlePolicy: "max-bundle",
    });
    this.connection = connection;
    const sender = connection.addTransceiver(track, {
      direction: "sendonly",
      sendEncodings: [{ maxBitrate: BITRATE_MAX_BPS }],
    });
    const connected = new Promise<boolean>((resolve) => {
      setTimeout(resolve, CONNECT_WITHIN_MS, false);
      connection.onconnectionstatechange = () => {
        if (connection.connectionState === "connected") resolve(true);
        if (connection.connectionState === "failed") resolve(false);
      };
    });
    await connection.setLocalDescription();
    const answer = new Promise<string>((resolve) => {
      this.answered = resolve;
    });
    const sdp = connection.localDescription?.sdp ?? "";
    const sources = [{ mid: sender.mid ?? "0", source: "camera" as const }];
    this.world.send({ type: "offer", room_id: roomId, attempt: 1, sdp, sources });
    this.world.send({ type: "publish", room_id: roomId, sources: ["camera"] });
    await connection.setRemoteDescription({ type: "answer", sdp: await answer });
    if (!(await connected)) return null;
    const moments: Moment[] = [];
    let protocol: PathProtocol | null = null;
    const until = performance.now() + MEASURE_MS;
    while (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_EVERY_MS));
      const entries = await entriesOf(connection);
      if (entries === null) continue;
      moments.push(momentOf(entries, performance.now()));
      protocol = inboundOf(entries).protocol ?? protocol;
    }
    return { measured: measuredOf(moments), protocol };
  }
}

export function momentOf(entries: Entry[], atMs: number): Moment {
  const of = (type: string) => entries.filter((entry) => entry.type === type);
  const sum = (list: Entry[], key: string) => list.reduce((total, entry) => total + (number(entry[key]) ?? 0), 0);
  const sent = of("outbound-rtp");
  const [report] = of("remote-inbound-rtp");
  const pair = of("candidate-pair").find((entry) => entry.nominated === true && entry.state === "succeeded");
  const reported = number(report?.roundTripTime);
  return {
    atMs,
    roundTripMs: inboundOf(entries).roundTripMs,
    bytesSent: sum(sent, "bytesSent"),
    packetsSent: sum(sent, "packetsSent"),
    packetsLost: number(report?.packetsLost),
    reportedRoundTripMs: reported === null || reported <= 0 ? null : Math.max(1, Math.round(reported * 1000)),
    estimateBps: number(pair?.availableOutgoingBitrate),
  };
}

/** The shortest round trip, since a longer one is the queue that the noise itself makes; the last estimate, since it grows. */
export function measuredOf(moments: Moment[]): Measured {
  const known = (key: "roundTripMs" | "reportedRoundTripMs") => moments.flatMap((moment) => moment[key] ?? []);
  const roundTrips = known("roundTripMs").length > 0 ? known("roundTripMs") : known("reportedRoundTripMs");
  const last = moments.at(-1);
  const lost = last?.packetsLost ?? null;
  const warm = moments.find((moment) => moment.atMs >= (moments[0]?.atMs ?? 0) + WARM_UP_MS);
  const sentMs = last !== undefined && warm !== undefined ? last.atMs - warm.atMs : 0;
  const sentBps = sentMs > 0 ? ((last?.bytesSent ?? 0) - (warm?.bytesSent ?? 0)) * 8 * (1000 / sentMs) : null;
  const estimateBps = last?.estimateBps ?? null;
  return {
    roundTripMs: roundTrips.length > 0 ? Math.min(...roundTrips) : null,
    // What is late is counted as not lost again, so it may be below zero.
    loss: lost === null || last === undefined || last.packetsSent === 0 ? null : Math.max(0, lost) / last.packetsSent,
    upBitrateBps: estimateBps ?? sentBps,
    upIsFloor: estimateBps === null,
  };
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
