/** What became of the direct connection, and how far the addresses of both sides reach: what the path's sentence says its reason from. Pure. */

import type { DirectSignal } from "../protocol";

/** `never`: it has not come up, and by now it should have. `broken`: it was up. `off`: this call has none. */
export type DirectOutcome = "off" | "trying" | "connected" | "never" | "broken";

/** Whether the candidates of a side have an address that the outside could answer to; `inside`: all are gathered, and none has. */
export type Reach = "unknown" | "outside" | "inside";

export interface DirectFacts {
  outcome: DirectOutcome;
  here: Reach;
  there: Reach;
}

export const NO_DIRECT: DirectFacts = { outcome: "off", here: "unknown", there: "unknown" };

/** A direct connection takes a second or two; browsers call it failed only after 15 to 30 s. */
const OUGHT_TO_BE_UP_MS = 8000;

export class DirectWatch {
  private since: number | null = null;
  private connected = false;
  private wasConnected = false;
  private failed = false;
  private readonly sides = { here: new Addresses(), there: new Addresses() };

  /** `stun`: whether a STUN server is asked at all; without one, missing addresses say nothing. */
  constructor(private readonly stun: boolean) {}

  begin(now: number): void {
    this.since ??= now;
  }

  state(state: RTCPeerConnectionState): void {
    this.connected = state === "connected";
    this.wasConnected ||= this.connected;
    this.failed = !this.connected && (this.failed || state === "failed");
  }

  signal(side: "here" | "there", signal: DirectSignal): void {
    if (signal.kind === "candidate") this.sides[side].take(signal.generation, signal.candidate?.candidate ?? "");
  }

  facts(now: number): DirectFacts {
    const reach = (side: Addresses) => (this.stun ? side.reach : "unknown");
    return { outcome: this.outcome(now), here: reach(this.sides.here), there: reach(this.sides.there) };
  }

  private outcome(now: number): DirectOutcome {
    if (this.since === null) return "off";
    if (this.connected) return "connected";
    if (this.wasConnected) return "broken";
    return this.failed || now - this.since > OUGHT_TO_BE_UP_MS ? "never" : "trying";
  }
}

/** The candidates of one side's latest connection. */
class Addresses {
  reach: Reach = "unknown";
  private generation = 0;
  private any = false;

  take(generation: number, candidate: string): void {
    if (generation < this.generation) return;
    if (generation > this.generation) {
      this.generation = generation;
      this.any = false;
      this.reach = "unknown";
    }
    if (candidate !== "") {
      this.any = true;
      if (isOutside(candidate)) this.reach = "outside";
    } else if (this.any && this.reach === "unknown") {
      this.reach = "inside";
    }
  }
}

/**
 * Whether a candidate line (RFC 8839 section 5.1) is an address as the outside sees it: one that a STUN server told, or an own public
 * one, which browsers do not name twice.
 */
function isOutside(candidate: string): boolean {
  const [, , protocol, , address = "", , , type] = candidate.split(" ");
  if (protocol?.toLowerCase() !== "udp") return false;
  return type === "srflx" || (type === "host" && isPublicV4(address));
}

/** Not private (RFC 1918), shared (RFC 6598), loopback or link-local; a name (`….local`) hides which. */
function isPublicV4(address: string): boolean {
  const [a, b, ...rest] = address.split(".").map(Number);
  if (a === undefined || b === undefined || rest.length !== 2 || [a, b, ...rest].some(Number.isNaN)) return false;
  if (a === 0 || a === 10 || a === 127 || a >= 224) return false;
  if (a === 172 && b >= 16 && b < 32) return false;
  if (a === 100 && b >= 64 && b < 128) return false;
  return !((a === 192 && b === 168) || (a === 169 && b === 254));
}
