/** What getStats tells about one connection, reduced to the few numbers that decide and that are shown. */

import type { PathProtocol } from "../protocol";

/** Counters of what came in. They may fall or vanish: Firefox restarts them when a stream is rebuilt. */
export interface Inbound {
  framesDecoded: number;
  packetsReceived: number;
  videoPackets: number;
  audioPackets: number;
  packetsLost: number;
  audioEnergy: number;
  packetsSent: number;
  sentLost: number;
  transportPackets: number | null;
  roundTripMs: number | null;
  protocol: PathProtocol | null;
  /** Whether it goes over a relay: then `protocol` is what reaches that. */
  relayed: boolean;
}

export type Entry = Record<string, unknown> & { id: string; type: string };

/** In Firefox the statistics of a connection that is closed while they are gathered never come, not even as an error. */
const STATISTICS_WITHIN_MS = 1000;

/** All entries of a connection's statistics; null where there are none to be had. */
export async function entriesOf(connection: RTCPeerConnection): Promise<Entry[] | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, STATISTICS_WITHIN_MS, null));
  try {
    const report = await Promise.race([connection.getStats(), late]);
    if (report === null) return null;
    const entries: Entry[] = [];
    report.forEach((entry: Entry) => {
      entries.push(entry);
    });
    return entries;
  } catch {
    return null;
  }
}

export async function readInbound(connection: RTCPeerConnection | null): Promise<Inbound | null> {
  if (connection === null || connection.connectionState === "closed") return null;
  const entries = await entriesOf(connection);
  return entries && inboundOf(entries);
}

export function inboundOf(entries: Entry[]): Inbound {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const inbound = entries.filter((entry) => entry.type === "inbound-rtp");
  const sum = (kind: string, key: string) =>
    inbound.filter((entry) => entry.kind === kind).reduce((total, entry) => total + number(entry[key]), 0);
  const all = (type: string, kind: string, key: string) =>
    entries
      .filter((entry) => entry.type === type && entry.kind === kind)
      .reduce((total, entry) => total + number(entry[key]), 0);
  const resent = (kind: string) => all("outbound-rtp", kind, "retransmittedPacketsSent");
  const sent = (kind: string) => all("outbound-rtp", kind, "packetsSent") - resent(kind);
  // The server's reports take what was sent again for received.
  const missed = (kind: string) => Math.max(resent(kind), all("remote-inbound-rtp", kind, "packetsLost"));
  const transport = entries.find((entry) => entry.type === "transport")?.packetsReceived;
  const pair = selectedPair(entries, byId);
  const local = byId.get(String(pair?.localCandidateId));
  const roundTrip = pair?.currentRoundTripTime;
  return {
    framesDecoded: sum("video", "framesDecoded"),
    packetsReceived: sum("video", "packetsReceived") + sum("audio", "packetsReceived"),
    videoPackets: sum("video", "packetsReceived"),
    audioPackets: sum("audio", "packetsReceived"),
    packetsLost: sum("video", "packetsLost") + sum("audio", "packetsLost"),
    audioEnergy: sum("audio", "totalAudioEnergy"),
    packetsSent: sent("video") + sent("audio"),
    sentLost: missed("video") + missed("audio"),
    transportPackets: typeof transport === "number" ? transport : null,
    roundTripMs: typeof roundTrip === "number" ? Math.max(1, Math.round(roundTrip * 1000)) : null,
    protocol: protocolOf(local),
    relayed: local?.candidateType === "relay",
  };
}

/** By the id of the track that it is played as: frames decoded, or packets of sound. Empty where there is no connection. */
export async function arrivedIn(connection: RTCPeerConnection | null): Promise<ReadonlyMap<string, number>> {
  const arrived = new Map<string, number>();
  if (connection === null || connection.connectionState === "closed") return arrived;
  for (const entry of (await entriesOf(connection)) ?? []) {
    if (entry.type !== "inbound-rtp") continue;
    const count = number(entry.kind === "video" ? entry.framesDecoded : entry.packetsReceived);
    arrived.set(String(entry.trackIdentifier), count);
  }
  return arrived;
}

/** Chromium names the pair in the transport; Firefox marks the pair itself. */
function selectedPair(entries: Entry[], byId: Map<string, Entry>): Entry | undefined {
  const transport = entries.find((entry) => entry.type === "transport" && entry.selectedCandidatePairId);
  if (transport) return byId.get(String(transport.selectedCandidatePairId));
  return entries.find((entry) => entry.type === "candidate-pair" && entry.selected === true);
}

/** A relayed path is carried by what reaches the relay. */
function protocolOf(local: Entry | undefined): PathProtocol | null {
  const protocol = local?.relayProtocol ?? local?.protocol;
  return protocol === "udp" || protocol === "tcp" || protocol === "tls" ? protocol : null;
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
