/** Where a server is, as an application gives it. Pure. */

import { TandemError } from "./errors";

export interface ServerAddress {
  /** Such as "https://calls.example.org". */
  origin: string;
  websocketUrl: string;
  /** Under which this browser keeps what belongs to this server and this profile. */
  slot: string;
}

/** `page`: the origin of the page that this runs in. A server is at the root of its origin. */
export function serverAddress(server: string, profile: string, page: string): ServerAddress {
  let url: URL;
  try {
    url = new URL(server, page === "null" ? undefined : page);
  } catch {
    throw bad(server);
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw bad(server);
  const scheme = url.protocol === "https:" ? "wss:" : "ws:";
  // On a page of the server itself, this is the same user as there.
  const slot = url.origin === page ? profile : profile === "" ? url.host : `${url.host}/${profile}`;
  return { origin: url.origin, websocketUrl: `${scheme}//${url.host}/ws`, slot };
}

function bad(server: string): TandemError {
  return new TandemError(
    "bad_server",
    `"${server}" is no address of a server: write it as "https://calls.example.org"`,
  );
}
