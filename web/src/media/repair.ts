/** When a broken direct connection is restarted, and when it is made anew. Pure; only the impolite side has one. */

export type RepairStep = "restart_ice" | "rebuild";

/** Waits before repairs that follow each other. One at a time: restarts that overlap get stuck. */
const WAITS_MS = [1000, 4000, 8000, 15_000, 30_000, 60_000];
/** A closed connection was closed by someone: it is not made again in the same breath. */
const CLOSED_WAIT_MS = 5000;
/** Browsers give up a path that never connects after 11 to 15 s. */
const CONNECT_WITHIN_MS = 15_000;
/** A restart that changed nothing twice will not do so the third time. */
const RESTARTS = 2;
const HELD_MS = 10_000;

export class Repair {
  private state: RTCPeerConnectionState = "new";
  private repairs = 0;
  private nextAt: number | null = null;
  private connectedAt: number | null = null;

  constructor(private startedAt: number) {}

  /** To be called with every sample. */
  handle(state: RTCPeerConnectionState, now: number): RepairStep | null {
    if (state !== this.state) {
      this.state = state;
      if (state === "connected") this.connectedAt = now;
    }
    if (state === "connected") {
      this.nextAt = null;
      if (this.connectedAt !== null && now - this.connectedAt > HELD_MS) this.repairs = 0;
      return null;
    }
    const starting = state === "new" || state === "connecting";
    if (starting && now - this.startedAt < CONNECT_WITHIN_MS) return null;
    if (this.nextAt === null) {
      const wait = WAITS_MS[Math.min(this.repairs, WAITS_MS.length - 1)] ?? 0;
      this.nextAt = now + (state === "closed" ? Math.max(wait, CLOSED_WAIT_MS) : wait);
    }
    if (now < this.nextAt) return null;
    this.nextAt = null;
    this.startedAt = now;
    this.repairs += 1;
    return state === "closed" || this.repairs > RESTARTS ? "rebuild" : "restart_ice";
  }
}
