/** Which ways to the server are open: one short gathering of candidates for each. */

import type { IceServer } from "../sdk/protocol";
import type { Reached } from "./check";

/** A lost STUN request is sent again after 0.25, 0.5 and 1 s (RFC 8489 section 6.2.1, as browsers do it). */
const WITHIN_MS = 2500;

export type Way = "udp" | "tcp" | "tls";

/** The servers that are reached on this way only, each with the one address that is meant. */
export function serversOn(way: Way, servers: IceServer[]): IceServer[] {
  const isOn = (url: string) => {
    const scheme = url.split(":", 1)[0]?.toLowerCase();
    if (scheme === "stun") return way === "udp";
    if (scheme === "turns") return way === "tls";
    return scheme === "turn" && way === "tcp" && /[?&]transport=tcp\b/i.test(url);
  };
  return servers.flatMap((server) => server.urls.filter(isOn).map((url) => ({ ...server, urls: [url] })));
}

/**
 * Whether the server answers on this way. Where there is no NAT, browsers leave out what a STUN server says: "no" over UDP may be
 * wrong, and a connection over UDP is the better witness.
 */
export async function probe(way: Way, servers: IceServer[], signal: AbortSignal): Promise<Reached> {
  const iceServers = serversOn(way, servers);
  if (iceServers.length === 0) return "not_offered";
  const wanted = way === "udp" ? "srflx" : "relay";
  let connection: RTCPeerConnection;
  try {
    connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: way === "udp" ? "all" : "relay" });
  } catch {
    // An address that this browser does not understand was not tried.
    return "not_offered";
  }
  try {
    return await new Promise<Reached>((resolve) => {
      setTimeout(resolve, WITHIN_MS, "no");
      signal.addEventListener("abort", () => resolve("no"), { once: true });
      connection.onicecandidate = ({ candidate }) => {
        if (candidate?.type === wanted) resolve("yes");
        if (candidate === null) resolve("no");
      };
      connection.createDataChannel("probe");
      connection.setLocalDescription().catch(() => resolve("no"));
    });
  } finally {
    connection.close();
  }
}
