/** How the connection to the server fares, whichever core uses it: what carries it, and when it is repaired. Pure. */

import type { PathProtocol, PathReason } from "../protocol";
import type { Candidates } from "./answer";
import { type Arrivals, type Counters, STALL_MS, STALL_SAMPLES } from "./arrivals";
import { ForwardedRepair, type ForwardedStep } from "./forwarded-repair";
import { PathHealth } from "./path-health";

/** A change of the protocol takes seconds itself. */
const PROTOCOL_MS = 4000;

export class ForwardedCare {
  private protocol: PathProtocol | null = null;
  private readonly health = new PathHealth(PROTOCOL_MS);
  private readonly repair = new ForwardedRepair();

  take(counters: Counters | null, now: number): void {
    this.health.take(counters, now);
  }

  networkChanged(now: number): void {
    this.repair.networkChanged(now);
  }

  made(candidates: Candidates): void {
    this.repair.renewed(candidates);
  }

  answered(offersTcp: boolean): void {
    this.repair.answered(offersTcp);
  }

  /** Whether another protocol carries it, and the reason if it left UDP or is back on it. */
  protocolSeen(protocol: PathProtocol | null): { changed: boolean; reason: PathReason | null } {
    const before = this.protocol;
    if (protocol === null || protocol === before) return { changed: false, reason: null };
    this.protocol = protocol;
    if (before === null) return { changed: false, reason: null };
    this.health.restart();
    const crossed = (before === "udp") !== (protocol === "udp");
    return { changed: true, reason: crossed ? this.repair.reasonFor(protocol) : null };
  }

  /**
   * To be called with every sample. `starving`: it is needed, and nothing at all arrives; what only the others do not send is no fault
   * of the connection.
   */
  handle(
    sample: { state: RTCPeerConnectionState; starving: boolean; reachable: boolean; roundTripMs: number | null },
    now: number,
  ): ForwardedStep | null {
    return this.repair.handle({ ...sample, protocol: this.protocol, loss: this.health.worstLoss() }, now);
  }
}

/** Whether nothing of any kind has come since then. */
export function isStarving(arrivals: Arrivals, since: number, now: number): boolean {
  const silent = Math.min(arrivals.silentFor(now, since), arrivals.deadFor(now, since));
  return arrivals.emptySamples >= STALL_SAMPLES && silent >= STALL_MS;
}
