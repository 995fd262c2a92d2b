/**
 * The path where there is only one: a room of more than two, or of two of whom one wants it so. A pure core beside paths.ts, with the
 * same inputs and outputs: it notices the first media, and keeps the connection to the server well.
 */

import { assertNever } from "../assert";
import type { Path, PathReason, Source } from "../protocol";
import { Arrivals, type Counters } from "./arrivals";
import { ForwardedCare, isStarving } from "./forwarded-care";
import { PathHealth } from "./path-health";
import type { Before, PathsInput, PathsOutput } from "./paths";

export type RoomPathInput =
  | PathsInput
  /** How many others are in the room. */
  | { kind: "others"; count: number }
  /** What was seen directly is seen on forwarded. */
  | { kind: "taken_over" };

/** Sound is shown without its picture when the picture takes longer than this. */
const SOUND_FIRST_MS = 1000;
/** Where nobody sends anything there is no media to wait for. */
const NO_MEDIA_MS = 1500;
const WELL_MS = 2000;
/** Two who were more are connected directly again well before that, if they ever are. */
const STAYS_MS = 15_000;

export class RoomPath {
  private shown: Path | null = null;
  private state: RTCPeerConnectionState = "new";
  private connectedAt = 0;
  private sourcesAt: number;
  private othersAt: number;
  private told: PathReason | null = null;
  private readonly arrivals = new Arrivals();
  private readonly quality = new PathHealth(WELL_MS);

  /** `sources`: what is in the slots, whoever it is of. */
  constructor(
    private others: number,
    private sources: Source[],
    private readonly answeredAt: number,
    now: number,
    private readonly care = new ForwardedCare(),
    before: Before | null = null,
  ) {
    this.sourcesAt = now;
    this.othersAt = now;
    if (before === null) return;
    this.state = before.state;
    this.shown = before.shown;
    this.connectedAt = now;
    this.arrivals.restart(now);
  }

  get shownPath(): Path | null {
    return this.shown;
  }

  get heardPath(): Path | null {
    return this.shown;
  }

  /** On direct too, as long as there is one: the other may not have changed over yet. */
  isSendingOn(_path: Path): boolean {
    return true;
  }

  handle(input: RoomPathInput, now: number): PathsOutput[] {
    switch (input.kind) {
      case "connection":
        if (input.path === "forwarded") this.connectionChanged(input.state, now);
        return [];
      case "sample":
        return this.sample(input.forwarded, input.reachable, now);
      case "other_sources":
        if (this.sources.join() !== input.sources.join()) this.sourcesAt = now;
        this.sources = input.sources;
        return [];
      case "others":
        if (this.others !== input.count) this.othersAt = now;
        this.others = input.count;
        return [];
      case "network_changed":
        this.care.networkChanged(now);
        return [];
      case "forwarded_made":
        this.care.made(input.candidates);
        return [];
      case "forwarded_answered":
        this.care.answered(input.offersTcp);
        return [];
      case "taken_over":
        return this.shown === "direct" ? this.show(now) : [];
      // Of a direct path.
      case "requested":
      case "changed":
      case "renewed":
      case "restart_asked":
      case "other_leg":
      case "server_gone":
        return [];
      default:
        return assertNever(input);
    }
  }

  private connectionChanged(state: RTCPeerConnectionState, now: number): void {
    if (state === "connected" && this.state !== "connected") {
      this.connectedAt = now;
      this.arrivals.restart(now);
      this.quality.restart();
    }
    this.state = state;
  }

  private sample(counters: Counters | null, reachable: boolean, now: number): PathsOutput[] {
    this.arrivals.take(counters, now);
    this.quality.take(counters, now);
    this.care.take(counters, now);
    const out: PathsOutput[] = [];
    if (this.shown === null && this.hasMedia(now)) out.push(...this.show(now));
    // Where it was forwarded already, only the reason is another one.
    const isNews = this.shown === "forwarded" && this.told === null && this.others > 0;
    const stays = this.told === "group" && this.others === 1 && now - this.othersAt > STAYS_MS;
    if (isNews || stays) out.push(...this.show(now));
    const { changed, reason } = this.care.protocolSeen(counters?.protocol ?? null);
    if (changed) this.quality.restart();
    if (reason !== null && this.shown === "forwarded") {
      out.push({ kind: "report", path: "forwarded", reason, setupMs: null });
    }
    const starving = this.sources.length > 0 && isStarving(this.arrivals, this.sourcesAt, now);
    const roundTripMs = this.quality.latestRoundTripMs();
    const step = this.care.handle({ state: this.state, reachable, starving, roundTripMs }, now);
    if (step !== null) out.push({ kind: "repair_forwarded", step });
    return out;
  }

  private hasMedia(now: number): boolean {
    const { arrivals, sources } = this;
    if (this.others === 0) return false;
    if (arrivals.bringsPictures(now)) return true;
    if (arrivals.bringsSound(now)) return !sources.includes("camera") || arrivals.soundFor(now) > SOUND_FIRST_MS;
    const nothingOn = sources.length === 0 && now - this.sourcesAt > NO_MEDIA_MS;
    return nothingOn && this.state === "connected" && now - this.connectedAt > NO_MEDIA_MS;
  }

  private show(now: number): PathsOutput[] {
    const first = this.shown === null;
    this.shown = "forwarded";
    const reason = this.others > 1 ? "group" : "always_through_server";
    this.told = reason;
    const setupMs = first ? Math.max(0, Math.round(now - this.answeredAt)) : null;
    return [
      { kind: "show", path: "forwarded", reason },
      { kind: "report", path: "forwarded", reason, setupMs },
    ];
  }
}
