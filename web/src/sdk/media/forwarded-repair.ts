/**
 * When the connection to the server gets new addresses (an ICE restart), and when it is made anew: where nothing else helps, and to
 * leave UDP, because a browser stays on a pair that works somehow, whatever an ICE restart offers. Pure; `handle` is to be called with
 * every sample, which is also the clock. One restart at a time: restarts that overlap get stuck.
 */

import type { PathProtocol, PathReason } from "../protocol";
import type { Candidates } from "./answer";

export type ForwardedStep = { kind: "restart_ice" } | { kind: "renew"; candidates: Candidates };

/** What one sample tells. */
export interface ForwardedView {
  state: RTCPeerConnectionState;
  /** Nothing at all arrives, although the path is in use and the other sends. */
  starving: boolean;
  /** Whether the server can be asked: the websocket is up and the browser has a network. */
  reachable: boolean;
  protocol: PathProtocol | null;
  /** The worse direction's share of lost packets over the last seconds; null while too little is known. */
  loss: number | null;
  roundTripMs: number | null;
}

/** A network that has just come has no addresses yet. */
const SETTLE_MS = 300;
const CONNECT_WITHIN_MS = 4000;
/**
 * The server's answer to a restart came over the websocket, so TCP is alive: when nothing arrives for so long then, UDP is dead. Chromium
 * would leave its pair only 5 s after the first check that was not answered.
 */
const ARRIVE_WITHIN_MS = 1500;
/** Waits before restarts that follow each other. */
const WAITS_MS = [0, 1000, 2000, 4000, 8000, 15_000];
const HELD_MS = 10_000;

/** From here on UDP is too lossy to be kept where TCP may do better, if it stays so for longer than a link is full that has become narrow. */
const UDP_LOSS_MAX = 0.08;
const LOSSY_FOR_MS = 5000;
/** TCP has to leave less than this share of UDP's loss: what it cannot help is lost on the other's side. */
const LOSS_GAIN = 0.5;
/** It hides loss as waiting, which is no gain when it is longer than this. */
const ROUND_TRIP_COST_MS = 300;
const TRIAL_MS = 5000;
/** How long the protocol that is not in use is left alone; twice as long each time that it was tried in vain. */
const HOLD_MIN_MS = 60_000;
const HOLD_MAX_MS = 600_000;

type State =
  | { kind: "steady" }
  | { kind: "restarting"; since: number; answered: boolean; answeredAt: number | null; starving: boolean }
  /** Another connection is made, on which only TCP is tried. */
  | { kind: "leaving_udp"; until: number; answered: boolean }
  /** On TCP, to see whether that is better than what was measured on UDP. */
  | { kind: "trial"; until: number };

export class ForwardedRepair {
  private state: State = { kind: "steady" };
  /** What the connection tries. */
  private candidates: Candidates = "all";
  private offersTcp = false;
  private changedAt: number | null = null;
  private repairs = 0;
  private nextAt = Number.NEGATIVE_INFINITY;
  private wellSince: number | null = null;
  private udpSeen = false;
  private lossySince: number | null = null;
  private udpLoss = 0;
  private udpRoundTripMs = 0;
  /** TCP is not tried before, for loss; UDP is not tried again before. */
  private tcpFrom = Number.NEGATIVE_INFINITY;
  private udpFrom: number | null = null;
  private tcpHoldMs = HOLD_MIN_MS;
  private udpHoldMs = HOLD_MIN_MS;

  /** The addresses are worthless although nothing says so yet. */
  networkChanged(now: number): void {
    this.changedAt = now;
    this.repairs = 0;
    this.nextAt = now;
    // It is another network: what was learnt about its protocols is, too.
    this.tcpHoldMs = HOLD_MIN_MS;
    this.udpHoldMs = HOLD_MIN_MS;
    this.tcpFrom = now;
  }

  /** The server's answer to the latest offer was taken. */
  answered(offersTcp: boolean): void {
    this.offersTcp = offersTcp;
    if (this.state.kind === "restarting" || this.state.kind === "leaving_udp") this.state.answered = true;
  }

  /** It was made anew, for whatever reason: nothing of the connection before is left. */
  renewed(candidates: Candidates): void {
    if (candidates === "all" || this.state.kind !== "leaving_udp") this.state = { kind: "steady" };
    this.candidates = candidates;
    this.wellSince = null;
  }

  /** Why the connection runs over this protocol and not over the one before. */
  reasonFor(protocol: PathProtocol): PathReason {
    if (protocol === "udp") return "udp_recovered";
    return this.candidates === "tcp" ? "udp_loss" : "udp_dead";
  }

  handle(view: ForwardedView, now: number): ForwardedStep | null {
    const { state } = this;
    this.note(view, now);
    if (!view.reachable) {
      if (state.kind === "restarting") state.since = now;
      if (state.kind === "leaving_udp") state.until = now + CONNECT_WITHIN_MS;
      return null;
    }
    switch (state.kind) {
      case "steady":
        return this.handleSteady(view, now);
      case "restarting":
        return this.handleRestarting(state, view, now);
      case "leaving_udp":
        return this.handleLeavingUdp(state, view, now);
      case "trial":
        return this.handleTrial(state.until, view, now);
    }
  }

  private note(view: ForwardedView, now: number): void {
    const { protocol, state, starving } = view;
    const isSettled = this.state.kind === "steady" || this.state.kind === "trial";
    const isWell = state === "connected" && !starving && isSettled;
    this.wellSince = isWell ? (this.wellSince ?? now) : null;
    if (this.wellSince !== null && now - this.wellSince > HELD_MS) this.repairs = 0;
    if (protocol === "udp") {
      this.udpSeen = true;
      this.udpFrom = null;
      if (this.wellSince !== null && now - this.wellSince > HOLD_MIN_MS) this.udpHoldMs = HOLD_MIN_MS;
    } else if (protocol !== null && this.udpSeen) {
      this.udpFrom ??= now + this.udpHoldMs;
    }
  }

  private handleSteady(view: ForwardedView, now: number): ForwardedStep | null {
    const { state, starving } = view;
    if (this.isChanged(now)) {
      this.changedAt = null;
      return state === "connected" || state === "disconnected" ? this.restart(false, now) : this.renew(now);
    }
    // Before it was ever up, browser and server both give up in time; what has failed is made anew at once.
    if (state !== "connected" && state !== "disconnected") return null;
    if (state === "disconnected" || starving) {
      if (now < this.nextAt) return null;
      this.repairs += 1;
      return this.restart(starving, now);
    }
    return this.otherProtocol(view, now);
  }

  private handleRestarting(
    state: Extract<State, { kind: "restarting" }>,
    view: ForwardedView,
    now: number,
  ): ForwardedStep | null {
    if (state.answered && this.isChanged(now)) {
      this.changedAt = null;
      return this.restart(false, now);
    }
    if (state.answered && view.state === "connected" && !view.starving) {
      this.state = { kind: "steady" };
      this.nextAt = now + this.waitMs();
      return null;
    }
    if (state.answered) state.answeredAt ??= now;
    const answered = now - (state.answeredAt ?? now);
    const udpIsDead = state.starving && view.protocol === "udp" && this.offersTcp && answered >= ARRIVE_WITHIN_MS;
    return udpIsDead || now - state.since >= CONNECT_WITHIN_MS ? this.renew(now) : null;
  }

  private handleLeavingUdp(
    state: Extract<State, { kind: "leaving_udp" }>,
    view: ForwardedView,
    now: number,
  ): ForwardedStep | null {
    if (state.answered && view.state === "connected" && view.protocol !== "udp" && !view.starving) {
      this.state = { kind: "trial", until: now + TRIAL_MS };
      this.nextAt = now + this.waitMs();
      return null;
    }
    if (now < state.until && !this.isChanged(now)) return null;
    this.changedAt = null;
    this.avoidTcp(now);
    return this.renew(now);
  }

  private handleTrial(until: number, view: ForwardedView, now: number): ForwardedStep | null {
    const { loss, roundTripMs, starving, state } = view;
    const isWorse =
      starving ||
      state !== "connected" ||
      (loss ?? 0) > LOSS_GAIN * this.udpLoss ||
      (roundTripMs ?? 0) > this.udpRoundTripMs + ROUND_TRIP_COST_MS;
    if (isWorse || this.isChanged(now)) {
      if (isWorse) this.avoidTcp(now);
      this.changedAt = null;
      return this.restart(false, now);
    }
    if (now >= until) this.state = { kind: "steady" };
    return null;
  }

  private otherProtocol(view: ForwardedView, now: number): ForwardedStep | null {
    const { protocol, loss, roundTripMs } = view;
    const isLossy = protocol === "udp" && (loss ?? 0) >= UDP_LOSS_MAX;
    this.lossySince = isLossy ? (this.lossySince ?? now) : null;
    const isLossyForLong = this.lossySince !== null && now - this.lossySince >= LOSSY_FOR_MS;
    if (isLossyForLong && this.offersTcp && now >= this.tcpFrom) {
      this.udpLoss = loss ?? 0;
      this.udpRoundTripMs = roundTripMs ?? 0;
      this.state = { kind: "leaving_udp", until: now + CONNECT_WITHIN_MS, answered: false };
      return { kind: "renew", candidates: "tcp" };
    }
    if (protocol !== null && protocol !== "udp" && this.udpFrom !== null && now >= this.udpFrom) {
      this.udpHoldMs = Math.min(this.udpHoldMs * 2, HOLD_MAX_MS);
      this.udpFrom = null;
      return this.restart(false, now);
    }
    return null;
  }

  private avoidTcp(now: number): void {
    this.tcpFrom = now + this.tcpHoldMs;
    this.tcpHoldMs = Math.min(this.tcpHoldMs * 2, HOLD_MAX_MS);
  }

  private isChanged(now: number): boolean {
    return this.changedAt !== null && now - this.changedAt >= SETTLE_MS;
  }

  /** `starving`: it is restarted because nothing arrives. */
  private restart(starving: boolean, now: number): ForwardedStep {
    this.state = { kind: "restarting", since: now, answered: false, answeredAt: null, starving };
    this.candidates = "all";
    return { kind: "restart_ice" };
  }

  private renew(now: number): ForwardedStep {
    this.renewed("all");
    this.repairs += 1;
    this.nextAt = now + this.waitMs();
    return { kind: "renew", candidates: "all" };
  }

  private waitMs(): number {
    return WAITS_MS[Math.min(this.repairs, WAITS_MS.length - 1)] ?? 0;
  }
}
