/**
 * When the direct connection gets new addresses (an ICE restart), and when it is made anew. Pure. The impolite side does it; the
 * polite one asks for it when only its own side of the network can tell that it is needed.
 */

export type RepairStep = "restart_ice" | "rebuild" | "ask_restart";

/** A network that has just come has no addresses yet. */
const SETTLE_MS = 300;
/** What comes so soon after a restart was meant by it, or waits. */
const APART_MS = 2000;

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

  private hurryAt: number | null = null;
  private lastAt = Number.NEGATIVE_INFINITY;

  constructor(
    private startedAt: number,
    private readonly polite: boolean,
  ) {}

  /** The addresses in use are worthless although the connection does not say so yet. */
  hurry(now: number): void {
    this.hurryAt ??= now + SETTLE_MS;
  }

  /** The other has found that out. */
  asked(now: number): void {
    if (now - this.lastAt >= APART_MS) this.hurryAt ??= now;
  }

  /** To be called with every sample. */
  handle(state: RTCPeerConnectionState, now: number): RepairStep | null {
    const step = this.due(state, now);
    if (step !== null) this.lastAt = now;
    return step;
  }

  private due(state: RTCPeerConnectionState, now: number): RepairStep | null {
    // What is closed or was given up is made anew, for which there is no hurry.
    if (state === "closed" || state === "failed") this.hurryAt = null;
    if (this.hurryAt !== null && now >= this.hurryAt && now - this.lastAt >= APART_MS) {
      this.hurryAt = null;
      this.nextAt = null;
      this.startedAt = now;
      return this.polite ? "ask_restart" : "restart_ice";
    }
    if (this.polite) return null;
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
