/**
 * Which path a call of two takes: a pure core. The receiver decides: it shows the path that brings media, asks the other to send on
 * the path that it wants, and reports what it shows; the sender sends on what is asked for and falls silent on what is not shown.
 * `handle` is to be called with every change and, every 200 ms, with a sample of the counters, which is also the clock.
 */

import { assertNever } from "../assert";
import type { Path, PathProtocol, PathReason, Source } from "../protocol";
import type { Candidates } from "./answer";
import { Arrivals, type Counters, STALL_MS, STALL_SAMPLES } from "./arrivals";
import { ForwardedCare, isStarving } from "./forwarded-care";
import type { ForwardedStep } from "./forwarded-repair";
import { PathHealth } from "./path-health";
import { Repair, type RepairStep } from "./repair";

export type PathsInput =
  | { kind: "connection"; path: Path; state: RTCPeerConnectionState }
  /** `reachable`: whether the server can be asked for anything. */
  | { kind: "sample"; direct: Counters | null; forwarded: Counters | null; reachable: boolean }
  | { kind: "other_sources"; sources: Source[] }
  /** The other wants us to send on this path. */
  | { kind: "requested"; path: Path }
  /** The other sees us on this path. */
  | { kind: "changed"; path: Path; reason: PathReason }
  /** The other began another direct connection: its page was loaded again, and tries it as for the first time. */
  | { kind: "renewed" }
  /** This browser's network is another one. */
  | { kind: "network_changed" }
  /** The other's is, and it does not offer. */
  | { kind: "restart_asked" }
  /** Forwarded is another connection. */
  | { kind: "forwarded_made"; candidates: Candidates }
  /** The server answered forwarded's offer. */
  | { kind: "forwarded_answered"; offersTcp: boolean }
  /** How long the other's way to the server and back is. */
  | { kind: "other_leg"; roundTripMs: number }
  /** From here on only the direct path carries the call; it may be silent for so long before the call is lost. */
  | { kind: "server_gone"; patienceMs: number };

export type PathsOutput =
  | { kind: "send_on"; path: Path; on: boolean }
  | { kind: "show"; path: Path; reason: PathReason }
  /** Sound is played from this path while the picture is still shown from the other. */
  | { kind: "hear"; path: Path }
  | { kind: "request"; path: Path; reason: PathReason }
  | { kind: "report"; path: Path; reason: PathReason; setupMs: number | null }
  | { kind: "repair_direct"; step: RepairStep }
  | { kind: "repair_forwarded"; step: ForwardedStep }
  /** It is quiet: the time to have room for one more on forwarded, so that nothing has to be negotiated when they come. */
  | { kind: "expect_more" }
  /** No path is left and none will come. `closed`: the other has closed it, as at a hang-up. */
  | { kind: "lost"; closed: boolean };

/** How long the path that the other left is still fed, so that its last frames bridge the change. */
const SILENCE_AFTER_MS = 500;
/** How long direct may take to bring its first media after it was asked for. */
const TRIAL_MS = 5000;
const HOLD_MIN_MS = 5000;
const HOLD_MAX_MS = 60_000;
/** A direct path that held for so long has earned a short hold-off again. */
const HEALTHY_MS = 60_000;
/** On direct, forwarded brings nothing, so that slots which stay empty cost nothing. */
const EXPECT_MORE_AFTER_MS = 3000;
/** Without any device at the other there is no media to wait for: then a connection counts. */
const NO_MEDIA_MS = 1500;
/** Sound is shown without its picture when the picture takes longer than this. */
const SOUND_FIRST_MS = 1000;
/** Direct is left at the first bad second; it is taken again for what two of them say. */
const BAD_MS = 1000;
const WELL_MS = 2000;
/** On direct, this share of packets lost is too much; below the lower one, it is well again. */
const LOSS_MAX = 0.1;
const LOSS_WELL = 0.03;
/** Where both paths lose much, one is left for the other only if that loses so much less. */
const LOSS_GAIN = 0.7;
/** For how long it counts that forwarded was found to be no better. */
const LOSS_MEMORY_MS = 60_000;
/** The same for the round trip; one of this length makes people talk at the same time. */
const ROUND_TRIP_MAX_MS = 800;
const ROUND_TRIP_WELL_MS = 400;
/** Forwarded is worth a change for the round trip's sake only if its own is so much shorter. */
const ROUND_TRIP_GAIN = 0.7;

interface Side {
  state: RTCPeerConnectionState;
  connectedAt: number;
  sending: boolean;
  silenceAt: number | null;
  arrivals: Arrivals;
  /** Of one second, and of two. */
  second: PathHealth;
  quality: PathHealth;
}

/** A connection to the server that is there, and what is shown. */
export interface Before {
  state: RTCPeerConnectionState;
  shown: Path | null;
}

export class Paths {
  private readonly sides: Record<Path, Side>;
  private sources: Source[];
  private sourcesAt: number;
  private shown: Path | null = null;
  private shownAt = 0;
  private reported = false;
  private expectsMore = false;
  /** Since when direct has been given the chance to show media; null while it is held off. */
  private trialAt: number | null = null;
  private holdMs = HOLD_MIN_MS;
  private heldFrom = 0;
  private failedBefore = false;
  /** What was too bad on direct when it was left; direct has to be measured to be better before it is taken again. */
  private leftFor: "loss" | "round_trip" | null = null;
  /** Where sound is played from, if not from the shown path. */
  private heard: Path | null = null;
  /** The direct connection that comes up next is tried at once, and the other is asked for it. */
  private fresh = true;
  private wasRenewed = false;
  private freshAt = Number.NEGATIVE_INFINITY;
  /** Why and since when the shown direct path is being left for forwarded. */
  private leaving: { reason: PathReason; since: number } | null = null;
  private lastRequestAt = 0;
  private serverGone = false;
  private patienceMs = 0;
  private directBrokenAt: number | null = null;
  /** What forwarded lost when direct was taken again for losing less. */
  private forwardedLost: { loss: number; at: number } | null = null;
  private otherLegMs: number | null = null;
  private readonly repair: Repair;

  /** `before`: what the core before found, where the two were in a larger room and are seen on forwarded. */
  constructor(
    polite: boolean,
    sources: Source[],
    private readonly answeredAt: number,
    now: number,
    private readonly care = new ForwardedCare(),
    before: Before | null = null,
  ) {
    const side = (sending: boolean): Side => ({
      state: "new",
      connectedAt: 0,
      sending,
      silenceAt: null,
      arrivals: new Arrivals(),
      second: new PathHealth(BAD_MS),
      quality: new PathHealth(WELL_MS),
    });
    // Forwarded is warm, so media goes out on it at once; direct gets its tracks when it is connected.
    this.sides = { direct: side(false), forwarded: side(true) };
    this.sources = sources;
    this.sourcesAt = now;
    this.repair = new Repair(now, polite);
    if (before === null) return;
    this.sides.forwarded.state = before.state;
    this.sides.forwarded.connectedAt = now;
    this.shown = before.shown;
    this.shownAt = now;
    this.reported = before.shown !== null;
  }

  /** Where sound is to be played from. */
  get heardPath(): Path | null {
    return this.heard ?? this.shown;
  }

  get shownPath(): Path | null {
    return this.shown;
  }

  isSendingOn(path: Path): boolean {
    return this.sides[path].sending;
  }

  handle(input: PathsInput, now: number): PathsOutput[] {
    const out: PathsOutput[] = [];
    switch (input.kind) {
      case "connection":
        this.connectionChanged(input.path, input.state, now, out);
        break;
      case "other_sources":
        if (this.sources.join() !== input.sources.join()) this.sourcesAt = now;
        this.sources = input.sources;
        break;
      case "requested":
        this.setSending(input.path, true, out);
        break;
      case "changed":
        this.otherShows(input.path, input.reason, now, out);
        break;
      case "renewed":
        this.fresh = true;
        this.wasRenewed = true;
        this.leftFor = null;
        this.failedBefore = false;
        this.holdMs = HOLD_MIN_MS;
        break;
      case "server_gone":
        this.serverGone = true;
        this.patienceMs = input.patienceMs;
        break;
      case "sample":
        this.sides.direct.arrivals.take(input.direct, now);
        this.sides.forwarded.arrivals.take(input.forwarded, now);
        for (const path of ["direct", "forwarded"] as const) {
          this.sides[path].second.take(input[path], now);
          this.sides[path].quality.take(input[path], now);
        }
        this.care.take(input.forwarded, now);
        this.silenceDue(now, out);
        this.protocolSeen(input.forwarded?.protocol ?? null, out);
        this.decide(now, out);
        this.expectMore(now, out);
        this.repairDirect(now, out);
        this.repairForwarded(input.reachable, now, out);
        break;
      case "network_changed":
        this.repair.hurry(now);
        this.care.networkChanged(now);
        break;
      case "restart_asked":
        this.repair.asked(now);
        break;
      case "forwarded_made":
        this.care.made(input.candidates);
        break;
      case "forwarded_answered":
        this.care.answered(input.offersTcp);
        break;
      case "other_leg":
        this.otherLegMs = input.roundTripMs;
        break;
      default:
        assertNever(input);
    }
    return this.serverGone ? out.filter((one) => one.kind !== "request" && one.kind !== "report") : out;
  }

  private connectionChanged(path: Path, state: RTCPeerConnectionState, now: number, out: PathsOutput[]): void {
    const side = this.sides[path];
    const was = side.state;
    side.state = state;
    if (state === "connected" && was !== "connected") {
      side.connectedAt = now;
      side.arrivals.restart(now);
      side.second.restart();
      side.quality.restart();
      if (path === "direct" && this.fresh) {
        // The first time both sides try it without asking.
        this.fresh = false;
        this.freshAt = now;
        this.setSending("direct", true, out);
        this.heldFrom = now;
        if (this.shown !== "direct") this.trialAt = now;
        if (this.wasRenewed) out.push({ kind: "request", path: "direct", reason: "direct_ready" });
        this.wasRenewed = false;
      }
    }
    this.sendSomewhere(out);
  }

  /** A path that is down must never be the only one we send on, whatever the other has last asked for. */
  private sendSomewhere(out: PathsOutput[]): void {
    const { direct, forwarded } = this.sides;
    if (isDown(direct.state)) this.setSending("forwarded", true, out);
    if (forwarded.state !== "connected" && direct.state === "connected" && this.shown !== null) {
      this.setSending("direct", true, out);
    }
  }

  private otherShows(path: Path, reason: PathReason, now: number, out: PathsOutput[]): void {
    const otherPath: Path = path === "direct" ? "forwarded" : "direct";
    this.setSending(path, true, out);
    // The first media mostly comes on forwarded, while direct is still on its way: that is no verdict on direct.
    if (path === "forwarded" && reason === "first_media") return;
    // Nor what was said while there were more than two.
    if (reason === "group") return;
    // Nor is what carries forwarded.
    if (reason === "udp_loss" || reason === "udp_dead" || reason === "udp_recovered") return;
    this.sides[otherPath].silenceAt = now + SILENCE_AFTER_MS;
  }

  private silenceDue(now: number, out: PathsOutput[]): void {
    for (const path of ["direct", "forwarded"] as const) {
      const side = this.sides[path];
      const other = this.sides[path === "direct" ? "forwarded" : "direct"];
      if (side.silenceAt === null || now < side.silenceAt) continue;
      side.silenceAt = null;
      if (other.state === "connected") this.setSending(path, false, out);
    }
  }

  private setSending(path: Path, on: boolean, out: PathsOutput[]): void {
    const side = this.sides[path];
    side.silenceAt = null;
    if (side.sending === on) return;
    side.sending = on;
    out.push({ kind: "send_on", path, on });
  }

  private decide(now: number, out: PathsOutput[]): void {
    if (this.shown === null) this.decideFirst(now, out);
    else if (this.shown === "forwarded") this.decideFromForwarded(now, out);
    else this.decideFromDirect(now, out);
  }

  private expectMore(now: number, out: PathsOutput[]): void {
    if (this.expectsMore || this.shown !== "direct" || now - this.shownAt < EXPECT_MORE_AFTER_MS) return;
    this.expectsMore = true;
    out.push({ kind: "expect_more" });
  }

  private decideFirst(now: number, out: PathsOutput[]): void {
    const path = this.hasMedia("direct", now) ? "direct" : this.hasMedia("forwarded", now) ? "forwarded" : null;
    if (path === null) return;
    this.show(path, "first_media", now, out);
  }

  private decideFromForwarded(now: number, out: PathsOutput[]): void {
    const { direct, forwarded } = this.sides;
    const connected = direct.state === "connected";
    if (this.trialAt !== null) {
      const well = this.isWell(now);
      if (connected && this.hasMedia("direct", now) && (well || this.losesLess(now))) {
        this.trialAt = null;
        const reason = !well ? "loss" : this.leftFor === null ? "direct_ready" : "direct_recovered";
        this.show("direct", reason, now, out);
        this.leftFor = null;
      } else if (!connected || now - Math.max(this.trialAt, this.sourcesAt) > TRIAL_MS) {
        this.holdOff(now);
        // The report tells the other to stop feeding a path that does not arrive.
        out.push({ kind: "report", path: "forwarded", reason: this.leftFor ?? "direct_stalled", setupMs: null });
      }
      return;
    }
    const stalled = this.isStalled("forwarded", now) && now - this.shownAt > STALL_MS;
    const held = now - Math.max(direct.connectedAt, this.heldFrom) < this.holdMs;
    if (connected && (!held || (stalled && forwarded.state !== "connected"))) {
      this.trialAt = now;
      direct.quality.restart();
      out.push({
        kind: "request",
        path: "direct",
        reason: this.leftFor === null ? "direct_ready" : "direct_recovered",
      });
    }
  }

  private decideFromDirect(now: number, out: PathsOutput[]): void {
    const { direct, forwarded } = this.sides;
    const down = isDown(direct.state);
    const dead = down || this.isStalled("direct", now);
    const bad = dead ? null : this.badness(now);
    const broken = dead || bad !== null;
    this.directBrokenAt = dead ? (this.directBrokenAt ?? now) : null;
    if (this.serverGone) {
      const over = direct.state === "closed" || direct.state === "failed";
      if (over || (this.directBrokenAt !== null && now - this.directBrokenAt > this.patienceMs)) {
        out.push({ kind: "lost", closed: direct.state === "closed" });
      }
      return;
    }
    if (!broken && this.leaving === null) {
      if (now - this.shownAt > HEALTHY_MS) this.holdMs = HOLD_MIN_MS;
      return;
    }
    if (this.leaving === null) {
      this.leaving = { reason: bad ?? (down ? "direct_lost" : "direct_stalled"), since: now };
      this.leftFor = bad;
      if (dead) this.repair.hurry(now);
      this.requestForwarded(now, out);
      forwarded.arrivals.restart(now);
      return;
    }
    const { reason, since } = this.leaving;
    if (this.hasMedia("forwarded", now)) {
      this.leaving = null;
      // What was left is the connection of the other's page before: the one that came up since has its chance at once.
      if (now - this.freshAt < TRIAL_MS && direct.state === "connected" && this.leftFor === null) this.trialAt = now;
      else this.holdOff(now);
      this.show("forwarded", reason, now, out);
    } else if (!broken && now - since > 2 * STALL_MS) {
      // It was a hiccup: direct runs again before forwarded could show anything.
      this.leaving = null;
      this.leftFor = null;
      if (this.heard !== null) this.hear("direct", out);
      out.push({ kind: "report", path: "direct", reason: "direct_ready", setupMs: null });
    } else {
      // People miss a word before they miss a picture: the sound does not wait for the first frame.
      if (dead && this.heard === null && forwarded.arrivals.bringsSound(now)) this.hear("forwarded", out);
      if (now - this.lastRequestAt > 2000) this.requestForwarded(now, out);
    }
  }

  /** What is too bad on direct over the last second, where forwarded may be better. */
  private badness(now: number): "loss" | "round_trip" | null {
    const { direct, forwarded } = this.sides;
    if (forwarded.state !== "connected" || this.serverGone) return null;
    const known = this.forwardedLost;
    const tolerated = known !== null && now - known.at < LOSS_MEMORY_MS ? known.loss / LOSS_GAIN : LOSS_MAX;
    if ((direct.second.loss() ?? 0) > tolerated) return "loss";
    const roundTrip = direct.second.roundTripMs();
    const leg = forwarded.quality.latestRoundTripMs();
    if (roundTrip === null || leg === null || roundTrip <= ROUND_TRIP_MAX_MS) return null;
    // Forwarded has two legs; the other's is taken to be like ours until it is known.
    return leg + (this.otherLegMs ?? leg) < ROUND_TRIP_GAIN * roundTrip ? "round_trip" : null;
  }

  /** Whether direct loses much, but forwarded, for which it was left, clearly more. */
  private losesLess(now: number): boolean {
    const [direct, forwarded] = [this.sides.direct.quality.loss(), this.sides.forwarded.quality.loss()];
    if (this.leftFor !== "loss" || direct === null || forwarded === null) return false;
    if (forwarded <= LOSS_MAX || direct >= LOSS_GAIN * forwarded) return false;
    this.forwardedLost = { loss: forwarded, at: now };
    return true;
  }

  /** Whether direct, when it is tried again, is clearly better than when it was left; two seconds tell. */
  private isWell(now: number): boolean {
    if (this.leftFor === null) return true;
    const { quality } = this.sides.direct;
    // What is lost cannot be told where nothing much is sent.
    const nothingOn = this.sources.length === 0 && now - this.sourcesAt > NO_MEDIA_MS;
    const loss = quality.loss() ?? (nothingOn ? 0 : null);
    const roundTrip = quality.roundTripMs();
    return loss !== null && loss < LOSS_WELL && (roundTrip ?? 0) < ROUND_TRIP_WELL_MS;
  }

  private hear(path: Path, out: PathsOutput[]): void {
    this.heard = path === this.shown ? null : path;
    out.push({ kind: "hear", path });
  }

  private requestForwarded(now: number, out: PathsOutput[]): void {
    this.lastRequestAt = now;
    out.push({ kind: "request", path: "forwarded", reason: this.leaving?.reason ?? "direct_lost" });
  }

  private show(path: Path, reason: PathReason, now: number, out: PathsOutput[]): void {
    this.shown = path;
    this.heard = null;
    this.shownAt = now;
    this.sides[path].arrivals.expectFrom(now);
    out.push({ kind: "show", path, reason });
    const setupMs = this.reported ? null : Math.max(0, Math.round(now - this.answeredAt));
    this.reported = true;
    out.push({ kind: "report", path, reason, setupMs });
  }

  /** The first failure keeps direct off for the shortest time, each that follows for twice as long. */
  private holdOff(now: number): void {
    this.trialAt = null;
    if (this.failedBefore) this.holdMs = Math.min(this.holdMs * 2, HOLD_MAX_MS);
    this.failedBefore = true;
    this.heldFrom = now;
  }

  /** Whether this path brings what there is to bring: pictures, else sound, else a connection. */
  private hasMedia(path: Path, now: number): boolean {
    const { arrivals, state, connectedAt } = this.sides[path];
    if (arrivals.bringsPictures(now)) return true;
    const camera = this.sources.includes("camera");
    if (arrivals.bringsSound(now) && (!camera || (this.shown === null && arrivals.soundFor(now) > SOUND_FIRST_MS))) {
      return true;
    }
    const nothingOn = this.sources.length === 0 && now - this.sourcesAt > NO_MEDIA_MS;
    return nothingOn && state === "connected" && now - connectedAt > NO_MEDIA_MS;
  }

  private isStalled(path: Path, now: number): boolean {
    if (!isSteady(this.sources)) return false;
    const { arrivals } = this.sides[path];
    const since = Math.max(this.sourcesAt, this.shownAt);
    return arrivals.emptySamples >= STALL_SAMPLES && arrivals.silentFor(now, since) >= STALL_MS;
  }

  /** What carries forwarded is told when it leaves UDP and when it is back on it. */
  private protocolSeen(protocol: PathProtocol | null, out: PathsOutput[]): void {
    const { changed, reason } = this.care.protocolSeen(protocol);
    if (changed) this.sides.forwarded.quality.restart();
    if (this.shown !== "forwarded" || reason === null) return;
    out.push({ kind: "report", path: "forwarded", reason, setupMs: null });
  }

  /** Whether forwarded, which is needed, brings nothing at all: what only the other does not send is no fault of the connection. */
  private isStarving(now: number): boolean {
    const from = this.shown === "forwarded" ? this.shownAt : (this.leaving?.since ?? null);
    if (from === null || !isSteady(this.sources)) return false;
    return isStarving(this.sides.forwarded.arrivals, Math.max(this.sourcesAt, from), now);
  }

  private repairForwarded(reachable: boolean, now: number, out: PathsOutput[]): void {
    const { state, quality } = this.sides.forwarded;
    if (this.serverGone) return;
    const sample = { state, reachable, starving: this.isStarving(now), roundTripMs: quality.latestRoundTripMs() };
    const step = this.care.handle(sample, now);
    if (step !== null) out.push({ kind: "repair_forwarded", step });
  }

  private repairDirect(now: number, out: PathsOutput[]): void {
    const step = this.repair.handle(this.sides.direct.state, now);
    if (step !== null && !this.serverGone) out.push({ kind: "repair_direct", step });
  }
}

/** Whether packets come all the time. A screen on which nothing moves sends next to nothing. */
function isSteady(sources: Source[]): boolean {
  return sources.includes("microphone") || sources.includes("camera");
}

function isDown(state: RTCPeerConnectionState): boolean {
  return state === "disconnected" || state === "failed" || state === "closed";
}
