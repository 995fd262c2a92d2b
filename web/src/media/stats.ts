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
  roundTripMs: number | null;
  protocol: PathProtocol | null;
}

type Entry = Record<string, unknown> & { id: string; type: string };

export async function readInbound(connection: RTCPeerConnection | null): Promise<Inbound | null> {
  if (connection === null || connection.connectionState === "closed") return null;
  try {
    const entries: Entry[] = [];
    (await connection.getStats()).forEach((entry: Entry) => {
      entries.push(entry);
    });
    return inboundOf(entries);
  } catch {
    return null;
  }
}

export function inboundOf(entries: Entry[]): Inbound {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const inbound = entries.filter((entry) => entry.type === "inbound-rtp");
  const sum = (kind: string, key: string) =>
    inbound.filter((entry) => entry.kind === kind).reduce((total, entry) => total + number(entry[key]), 0);
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
    roundTripMs: typeof roundTrip === "number" ? Math.max(1, Math.round(roundTrip * 1000)) : null,
    protocol: protocolOf(local),
  };
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
