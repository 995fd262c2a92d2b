/**
 * The connection to the server's SFU. One offer carries everything that may ever be sent, without tracks, so it connects while
 * the call still rings; afterwards tracks come and go by replaceTrack. Only more slots need another offer, which goes on with the same
 * connection. A broken connection is made again with the next attempt; where the server was started again, the one before is kept for a
 * while, because its process may still carry media.
 */

import type { Command, IceServer, Source, WantedLayer } from "../protocol";
import { type Candidates, offersTcp } from "./answer";
import { Attempt } from "./attempt";
import { atLeast, FEWEST_SLOTS, type SlotCount } from "./slots";
import { NO_TRACKS, type Tracks } from "./tracks";

export interface ForwardedWorld {
  send(command: Command): void;
  /** Of the connection that is in charge. */
  state(state: RTCPeerConnectionState): void;
  /** Another connection takes the place of the one before, and tries these of the server's candidates. */
  made(candidates: Candidates): void;
  /** The server's answer was taken, and whether it can be reached over TCP. */
  answered(offersTcp: boolean): void;
}

/**
 * All who talk over a process that another one replaces make another connection, and every picture goes both ways for a while: spread over
 * this time, and the same for all in a room.
 */
const MOVE_WITHIN_MS = 4000;

/** Waits before attempts that follow each other; a connection that held for a while starts from the first again. */
const REMAKE_AFTER_MS = [0, 1000, 2000, 4000, 8000, 15_000];
const HELD_MS = 10_000;

export class Forwarded {
  private current: Attempt | null = null;
  /** Kept until it is let go: it carries what the current one does not carry yet. */
  private before: Attempt | null = null;
  /** Whether it is the one that is watched. */
  private beforeIsInCharge = false;
  private failures = 0;
  private connectedAt: number | null = null;
  private remakeTimer: ReturnType<typeof setTimeout> | undefined;
  private slotsWanted = FEWEST_SLOTS;
  private tracks: Tracks = NO_TRACKS;
  private closed = false;

  /** `attempt`: the latest that this session made in the room, maybe from a page before. */
  constructor(
    readonly roomId: string,
    private latestAttempt: number,
    private iceServers: IceServer[],
    private readonly world: ForwardedWorld,
  ) {
    this.make("all");
  }

  get attempt(): number {
    return this.latestAttempt;
  }

  get connection(): RTCPeerConnection | null {
    return this.current?.connection ?? null;
  }

  /** The one that is in charge. */
  get carrying(): RTCPeerConnection | null {
    return (this.beforeIsInCharge ? this.before : this.current)?.connection ?? null;
  }

  /** The one before, while it is kept. */
  get kept(): RTCPeerConnection | null {
    return this.before?.connection ?? null;
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    this.current?.setTracks(tracks);
    this.before?.setTracks(tracks);
  }

  setLayers(source: Source, layers: WantedLayer[]): void {
    if (source === "camera" || source === "screen") this.current?.setLayers(source, layers);
  }

  /** At least so many, from here on. */
  setSlots(wanted: SlotCount): void {
    this.slotsWanted = atLeast(this.slotsWanted, wanted);
    this.current?.grow(this.slotsWanted);
  }

  /** What is received in a slot. */
  trackAt(mid: string): MediaStreamTrack | null {
    return this.current?.trackAt(mid) ?? null;
  }

  async answered(number: number, sdp: string): Promise<void> {
    const { current } = this;
    if (current === null || number !== current.number) return;
    try {
      if (!(await current.answered(sdp)) || current !== this.current) return;
      this.world.answered(offersTcp(sdp));
      current.grow(this.slotsWanted);
    } catch {
      if (current === this.current) this.remake();
    }
  }

  lost(attempt: number): void {
    // What this page closed itself, the server loses too, and says so before the next attempt is made.
    if (attempt === this.attempt && this.current !== null) this.remake();
  }

  /**
   * The server was started again and knows nothing of the connection: no need to wait until it is found dead. Where it is up, it stays in
   * charge until `relieve`; whether it does.
   */
  restart(): boolean {
    this.failures = 0;
    this.connectedAt = null;
    if (this.current?.connection.connectionState !== "connected") {
      this.remake();
      return false;
    }
    // Restarted twice: the oldest is of no use to anybody.
    this.before?.close();
    this.before = this.current;
    this.before.fallSilent();
    this.beforeIsInCharge = true;
    this.current = null;
    clearTimeout(this.remakeTimer);
    this.remakeTimer = setTimeout(() => this.make("all"), MOVE_WITHIN_MS * shareOf(this.roomId));
    return true;
  }

  /** The current connection is in charge, whether the one before still brings something or not. */
  relieve(): void {
    if (!this.beforeIsInCharge) return;
    this.beforeIsInCharge = false;
    if (this.current === null) {
      // There is nothing to be gained by waiting.
      clearTimeout(this.remakeTimer);
      this.make("all");
    }
    this.world.state(this.connection?.connectionState ?? "connecting");
  }

  /** The one before is of no use here any more; it stays for so long for others, who may still be on theirs. */
  letGo(closeAfterMs: number): void {
    this.relieve();
    const { before } = this;
    this.before = null;
    setTimeout(() => before?.close(), closeAfterMs);
  }

  /** For every connection and every restart from here on. */
  setIceServers(iceServers: IceServer[]): void {
    this.iceServers = iceServers;
  }

  restartIce(): void {
    this.current?.restartIce(this.iceServers);
  }

  /** Whoever asks for it has a back-off of its own. */
  renew(candidates: Candidates): void {
    this.failures = 0;
    this.remake(candidates);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.remakeTimer);
    this.drop();
    this.before?.close();
    this.before = null;
  }

  private make(candidates: Candidates): void {
    this.latestAttempt += 1;
    const attempt = new Attempt(this.latestAttempt, this.iceServers, candidates, {
      offer: (number, sdp, sources) => {
        if (attempt !== this.current) return;
        this.world.send({ type: "offer", room_id: this.roomId, attempt: number, sdp, sources });
      },
      state: (state) => this.stateChanged(attempt, state),
    });
    this.current = attempt;
    this.world.made(candidates);
    attempt.setTracks(this.tracks);
    attempt.begin(this.slotsWanted);
  }

  private stateChanged(attempt: Attempt, state: RTCPeerConnectionState): void {
    if (attempt !== this.current) return;
    if (state === "connected") this.connectedAt = performance.now();
    if (!this.beforeIsInCharge) this.world.state(state);
    if (state === "failed" || state === "closed") this.remake();
  }

  private remake(candidates: Candidates = "all"): void {
    if (this.closed) return;
    if (this.connectedAt !== null && performance.now() - this.connectedAt > HELD_MS) this.failures = 0;
    this.connectedAt = null;
    this.drop();
    if (!this.beforeIsInCharge) this.world.state("connecting");
    const wait = REMAKE_AFTER_MS[Math.min(this.failures, REMAKE_AFTER_MS.length - 1)];
    this.failures += 1;
    clearTimeout(this.remakeTimer);
    this.remakeTimer = setTimeout(() => this.make(candidates), wait);
  }

  private drop(): void {
    this.current?.close();
    this.current = null;
  }
}

/** From 0 to 1, by a text (FNV-1a). */
function shareOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
