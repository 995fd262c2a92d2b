/** Which of the server's ICE servers are for which connection. */

import type { IceServer } from "../protocol";

function isStun({ urls }: IceServer): boolean {
  return urls.every((url) => url.startsWith("stun:"));
}

/** For a connection to another browser: without the relay, which reaches nothing but the server. */
export function stunOf(servers: IceServer[]): IceServer[] {
  return servers.filter(isStun);
}

/**
 * For a connection to the server: without STUN. Chromium takes whatever comes from a STUN server's address as an answer to its own
 * requests, and our UDP port is both: nothing that the SFU sends over UDP would arrive. The SFU sees our address in our checks anyway.
 */
export function relaysOf(servers: IceServer[]): IceServer[] {
  return servers.filter((server) => !isStun(server));
}
