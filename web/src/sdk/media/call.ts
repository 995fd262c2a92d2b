/**
 * The media of one room: drives the connection to the server, and the one to the other browser while there are two, by what the core in
 * charge decides: paths.ts for two who may connect directly, room-path.ts for all else. Holds no rule of its own.
 */

import { assertNever } from "../assert";
import type { DirectMessage, MediaEvent } from "../core/state";
import type { IceServer, Participant, Path, PathReason, Slot, Source, Tile } from "../protocol";
import { Direct, type DirectWorld, type ReceivedTracks } from "./direct";
import { DirectWatch } from "./direct-facts";
import { readMessage } from "./direct-message";
import { Forwarded } from "./forwarded";
import { ForwardedCare } from "./forwarded-care";
import { Handover } from "./handover";
import type { CallMediaListener } from "./listener";
import { type Before, Paths, type PathsInput, type PathsOutput } from "./paths";
import { isSameRemote, NO_REMOTE_TRACKS, type RemoteTracks } from "./remote";
import { RoomPath, type RoomPathInput } from "./room-path";
import { arrange, slotsFor } from "./slots";
import { type Arrived, SourcePaths } from "./source-paths";
import { arrivedIn, type Inbound, readInbound } from "./stats";
import { NO_TRACKS, SOURCES, type Tracks } from "./tracks";
import { Views } from "./views";

const SAMPLE_EVERY_MS = 200;
/** While tracks change over to another path. */
const LOOK_EVERY_MS = 40;
/** The same where what is left goes on: then it is no hurry, and statistics cost the browser much. */
const LOOK_BESIDE_MS = 100;
const TELL_LEG_EVERY_MS = 2000;
/** How long the direct connection stays for the last word on it. */
const FAREWELL_MS = 1000;
/** Both are seen on forwarded: the direct connection is closed when that disturbs nothing any more. */
const CLOSE_AFTER_MS = 3000;
/** A direct connection that is not wanted any more is let go when both are seen on forwarded, and then in any case. */
const RELEASE_WITHIN_MS = 12_000;

/** Whether, and how, the two in a room may connect directly. */
export interface Directly {
  direct: boolean;
  polite: boolean;
  /** The other of the two. */
  other: string | null;
}

export interface Joined extends Directly {
  roomId: string;
  others: Participant[];
  /** Wall clock, as the reducer has it. */
  answeredAt: number;
  /** The latest direct connection of this pair. */
  generation: number;
}

export class CallMedia {
  private readonly forwarded: Forwarded;
  private direct: Direct | null = null;
  private core: Paths | RoomPath | null = null;
  private readonly care = new ForwardedCare();
  private sourcePaths = new SourcePaths();
  private others: Participant[] = [];
  /** Who is at the other end of direct. */
  private otherId: string | null = null;
  private generation = 0;
  private answeredAt = 0;
  /** Since when direct is only kept until both have changed over. */
  private leaving: { since: number; otherIsOver: boolean } | null = null;
  private tracks: Tracks = NO_TRACKS;
  private slots: Slot[] = [];
  /** While another process of the server takes over. */
  private handover: Handover | null = null;
  private received: ReceivedTracks = {};
  private remote: RemoteTracks = NO_REMOTE_TRACKS;
  private readonly views = new Views();
  private unseen = false;
  private viewTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly states: Record<Path, RTCPeerConnectionState> = { direct: "new", forwarded: "new" };
  private inbound: Record<Path, Inbound | null> = { direct: null, forwarded: null };
  private timer: ReturnType<typeof setInterval> | undefined;
  private sampling = false;
  private following = false;
  private serverIsThere = true;
  private offersTcp = false;
  private legToldAt = 0;
  private closed = false;
  private watch: DirectWatch;

  constructor(
    readonly roomId: string,
    attempt: number,
    private iceServers: IceServer[],
    private readonly listener: CallMediaListener,
  ) {
    this.watch = new DirectWatch(iceServers.length > 0);
    this.forwarded = new Forwarded(roomId, attempt, iceServers, {
      send: (command) => listener.send(command),
      state: (state) => this.stateChanged("forwarded", state),
      made: (candidates) => {
        this.slots = [];
        this.showRemote();
        this.run({ kind: "forwarded_made", candidates });
        this.tellViewAgain();
      },
      answered: (offersTcp) => {
        this.offersTcp = offersTcp;
        this.showRemote();
        this.run({ kind: "forwarded_answered", offersTcp });
      },
    });
  }

  join(joined: Joined): void {
    if (this.core !== null) return;
    this.answeredAt = joined.answeredAt;
    this.generation = joined.generation;
    this.setOthers(joined.others);
    this.takeCharge(joined, null);
    this.run({ kind: "connection", path: "forwarded", state: this.states.forwarded });
    this.run({ kind: "forwarded_answered", offersTcp: this.offersTcp });
    this.applyTracks();
    this.showRemote();
    this.timer = setInterval(() => void this.sample(), SAMPLE_EVERY_MS);
  }

  /** The two in the room may connect directly from here on, or not any more. */
  setDirect(directly: Directly): void {
    const { core } = this;
    if (core === null) return;
    const isSame = directly.direct
      ? core instanceof Paths && this.otherId === directly.other
      : core instanceof RoomPath;
    if (isSame) return;
    const before = { state: this.states.forwarded, shown: core.shownPath };
    if (directly.direct) {
      this.releaseDirect();
      // Another pair, or one that begins anew: both count from 1.
      this.generation = 0;
      this.takeCharge(directly, { ...before, shown: before.shown && "forwarded" });
    } else {
      this.takeCharge(directly, before);
      if (this.direct !== null) this.leaving = { since: Date.now(), otherIsOver: false };
      // What is seen directly is seen so until it has come over the server.
      this.sourcePaths.aim("forwarded", "forwarded", Date.now(), true);
      void this.follow();
    }
    this.applyTracks();
    this.showRemote();
  }

  setOthers(others: Participant[]): void {
    this.others = others;
    this.forwarded.setSlots(slotsFor(others, this.views.tiles));
    this.run({ kind: "others", count: others.length });
    if (this.core instanceof Paths) this.run({ kind: "other_sources", sources: this.otherSources() });
    this.showRemote();
  }

  setTracks(tracks: Tracks): void {
    this.tracks = tracks;
    this.applyTracks();
  }

  setView(tiles: Tile[]): void {
    this.views.set(tiles, Date.now());
    this.forwarded.setSlots(slotsFor(this.others, this.views.tiles));
    this.viewChanged();
  }

  /** Whether somebody sees the page. Of two who may be connected directly both paths are watched, by their pictures too. */
  setUnseen(unseen: boolean): void {
    this.unseen = unseen;
    this.viewChanged();
  }

  private viewChanged(): void {
    const isRoom = this.core instanceof RoomPath;
    this.views.setUnseen(this.unseen && isRoom, Date.now());
    if (isRoom) this.run({ kind: "other_sources", sources: this.slotSources() });
    this.tellViewWhenDue();
  }

  handle(event: MediaEvent): void {
    if (event.room_id !== this.roomId) return;
    switch (event.type) {
      case "offer_answered":
        void this.forwarded.answered(event.attempt, event.sdp);
        break;
      case "slots_changed":
        if (event.attempt === this.forwarded.attempt) this.slotsChanged(event.slots);
        break;
      case "layers_wanted":
        this.forwarded.setLayers(event.source, event.layers);
        break;
      case "transport_lost":
        this.forwarded.lost(event.attempt);
        break;
      case "signaled":
        if (event.from !== this.otherId || this.leaving !== null) break;
        this.watch.signal("there", event.signal);
        this.direct?.handleSignal(event.signal);
        break;
      case "path_requested":
        if (event.participant_id === this.otherId) this.run({ kind: "requested", path: event.path });
        break;
      case "path_changed":
        if (event.participant_id === this.otherId) this.otherChanged(event.path, event.reason);
        break;
      default:
        assertNever(event);
    }
  }

  setIceServers(iceServers: IceServer[]): void {
    if (this.iceServers === iceServers) return;
    this.iceServers = iceServers;
    this.forwarded.setIceServers(iceServers);
    this.direct?.setIceServers(iceServers);
  }

  /** Whether the websocket is up. */
  setServerIsThere(isThere: boolean): void {
    this.serverIsThere = isThere;
  }

  networkChanged(): void {
    // While it rings nothing flows yet that would be worth keeping.
    if (this.core === null) this.forwarded.renew("all");
    else this.run({ kind: "network_changed" });
  }

  forgetServer(patienceMs: number): void {
    this.forwarded.close();
    this.run({ kind: "server_gone", patienceMs });
  }

  /**
   * The server was started again: what it knew of forwarded is gone. Direct does not notice. `announced`: it said that it would stop,
   * and may forward still. One that said nothing was killed, and there is nothing to wait for.
   */
  serverRestarted(announced: boolean): void {
    const handover = new Handover(this.inSlots(), Date.now());
    this.handover = handover;
    if (!this.forwarded.restart()) {
      this.handover = null;
      return;
    }
    if (!announced) this.forwarded.relieve();
    void this.handOver(handover);
  }

  /** Tells the other's page directly, if that is possible. */
  tell(message: DirectMessage): boolean {
    return this.direct?.tell(JSON.stringify(message)) ?? false;
  }

  /** `farewell`: the other is to know that it was hung up. */
  close(farewell: boolean): void {
    const { direct } = this;
    const told = farewell && this.tell({ type: "hang_up" });
    this.closed = true;
    clearInterval(this.timer);
    clearTimeout(this.viewTimer);
    if (told) {
      // A connection that is closed in the same moment takes its last words along.
      direct?.setTracks(NO_TRACKS);
      setTimeout(() => direct?.close(false), FAREWELL_MS);
    } else {
      direct?.close(false);
    }
    this.forwarded.close();
    this.listener.remote(NO_REMOTE_TRACKS);
  }

  /** The connection that brings what is shown. */
  shown(): { path: Path; connection: RTCPeerConnection | null } | null {
    const path = this.core?.shownPath ?? null;
    if (path === null) return null;
    return { path, connection: (path === "direct" ? this.direct?.connection : this.forwarded.carrying) ?? null };
  }

  /** For tests: see web/README.md. */
  closeDirect(): void {
    this.direct?.close(true);
  }

  async stats(): Promise<Record<string, unknown>> {
    const side = async (path: Path, connection: RTCPeerConnection | null) => ({
      ...(await readInbound(connection)),
      connectionState: this.states[path],
      sending: this.isSendingOn(path),
    });
    return {
      direct: await side("direct", this.direct?.connection ?? null),
      forwarded: await side("forwarded", this.forwarded.carrying),
      shown_path: this.core?.shownPath ?? null,
    };
  }

  /** Puts the core in charge that this room needs. `before`: what the one before has come to. */
  private takeCharge({ direct, polite, other }: Directly, before: Before | null): void {
    const now = Date.now();
    if (direct && other !== null) {
      this.otherId = other;
      this.core = new Paths(polite, this.otherSources(), this.answeredAt, now, this.care, before);
      this.makeDirect(polite, other);
    } else {
      this.core = new RoomPath(this.others.length, this.slotSources(), this.answeredAt, now, this.care, before);
    }
    this.viewChanged();
  }

  private makeDirect(polite: boolean, to: string): void {
    const world: DirectWorld = {
      signal: (signal) => {
        this.watch.signal("here", signal);
        if (!this.closed && this.leaving === null) {
          this.listener.send({ type: "signal", room_id: this.roomId, to, signal });
        }
      },
      state: (state) => this.stateChanged("direct", state),
      received: (tracks) => {
        this.received = tracks;
        this.showRemote();
      },
      renewed: () => this.run({ kind: "renewed" }),
      message: (text) => this.heard(text),
      generation: (generation) => {
        this.generation = generation;
        this.listener.generation(generation);
      },
      restartAsked: () => this.run({ kind: "restart_asked" }),
    };
    this.watch.begin(Date.now());
    this.direct = new Direct(this.iceServers, polite, world, this.generation);
  }

  private releaseDirect(closeAfterMs = 0): void {
    this.direct?.closeLater(closeAfterMs);
    this.direct = null;
    this.leaving = null;
    this.otherId = null;
    this.received = {};
    this.states.direct = "closed";
    this.sourcePaths = new SourcePaths();
    this.watch = new DirectWatch(this.iceServers.length > 0);
  }

  /** Closes a direct connection that is only kept until both have changed over. */
  private leaveDirect(): void {
    if (this.leaving === null) return;
    const { since, otherIsOver } = this.leaving;
    const isOver = otherIsOver && this.sourcePaths.isSettled && this.core?.shownPath === "forwarded";
    if (!isOver && Date.now() - since < RELEASE_WITHIN_MS) return;
    this.releaseDirect(CLOSE_AFTER_MS);
    this.run({ kind: "taken_over" });
    this.showRemote();
  }

  private otherChanged(path: Path, reason: PathReason): void {
    this.run({ kind: "changed", path, reason });
    if (this.leaving !== null && path === "forwarded") {
      this.leaving.otherIsOver = true;
      this.applyTracks();
      this.leaveDirect();
    }
  }

  private slotsChanged(slots: Slot[]): void {
    this.slots = slots;
    if (this.core instanceof RoomPath) this.run({ kind: "other_sources", sources: this.slotSources() });
    this.showRemote();
  }

  /** What the server says that it sends, and this page has it send. */
  private slotSources(): Source[] {
    const sent = this.slots.filter((slot) => !slot.paused && !this.views.hides(slot));
    return SOURCES.filter((source) => sent.some((slot) => slot.source === source));
  }

  private otherSources(): Source[] {
    return this.others.find(({ participant_id }) => participant_id === this.otherId)?.sources ?? [];
  }

  private heard(text: string): void {
    const message = this.closed || this.leaving !== null ? null : readMessage(text);
    if (message === null) return;
    if (message.type === "leg") this.run({ kind: "other_leg", roundTripMs: message.round_trip_ms });
    else this.listener.told(message);
  }

  private stateChanged(path: Path, state: RTCPeerConnectionState): void {
    this.states[path] = state;
    if (path === "direct") this.watch.state(state);
    this.run({ kind: "connection", path, state });
  }

  private run(input: RoomPathInput): void {
    const { core } = this;
    if (this.closed || core === null) return;
    const outputs = core instanceof RoomPath ? core.handle(input, Date.now()) : this.runPaths(core, input);
    for (const output of outputs) this.carryOut(output);
  }

  private runPaths(paths: Paths, input: RoomPathInput): PathsOutput[] {
    return input.kind === "others" || input.kind === "taken_over" ? [] : paths.handle(input, Date.now());
  }

  private carryOut(output: PathsOutput): void {
    const { roomId } = this;
    switch (output.kind) {
      case "send_on":
        this.applyTracks();
        break;
      case "hear":
        this.changeOver();
        break;
      case "show":
        this.changeOver();
        this.listener.pathShown(output.path, output.reason);
        break;
      case "request":
        this.listener.send({ type: "request_path", room_id: roomId, path: output.path, reason: output.reason });
        break;
      case "report":
        this.listener.pathShown(output.path, output.reason);
        this.listener.send({
          type: "report_path",
          room_id: roomId,
          path: output.path,
          reason: output.reason,
          protocol: this.inbound[output.path]?.protocol ?? null,
          relayed: this.inbound[output.path]?.relayed ?? false,
          setup_ms: output.setupMs,
        });
        break;
      case "repair_direct":
        // Without a network a restart gathers nothing and gets stuck.
        if (!navigator.onLine) break;
        if (output.step === "rebuild") this.direct?.rebuild();
        else if (output.step === "ask_restart") this.direct?.askRestart();
        else this.direct?.restartIce();
        break;
      case "repair_forwarded":
        if (output.step.kind === "renew") this.forwarded.renew(output.step.candidates);
        else this.forwarded.restartIce();
        break;
      case "expect_more":
        this.forwarded.setSlots(slotsFor(this.others, this.views.tiles, 1));
        break;
      case "lost":
        this.listener.lost(output.closed);
        break;
      default:
        assertNever(output);
    }
  }

  /** Only the two together know how long the way through the server is. */
  private tellLeg(roundTripMs: number | null): void {
    const now = Date.now();
    if (roundTripMs === null || now - this.legToldAt < TELL_LEG_EVERY_MS) return;
    this.legToldAt = now;
    this.direct?.tell(JSON.stringify({ type: "leg", round_trip_ms: roundTripMs }));
  }

  private isSendingOn(path: Path): boolean {
    // While both paths are fed, each picture is encoded twice.
    if (path === "direct" && (this.direct === null || this.leaving?.otherIsOver)) return false;
    return this.core?.isSendingOn(path) ?? false;
  }

  private applyTracks(): void {
    const on = (path: Path) => (this.isSendingOn(path) ? this.tracks : NO_TRACKS);
    this.forwarded.setTracks(on("forwarded"));
    this.direct?.setTracks(on("direct"));
  }

  /** Lets each track of the other follow to the path that is shown, sound to the one that is heard. */
  private changeOver(): void {
    const shown = this.core?.shownPath ?? "forwarded";
    this.sourcePaths.aim(this.core?.heardPath ?? shown, shown, Date.now());
    void this.follow();
  }

  private async follow(): Promise<void> {
    if (this.following) return;
    this.following = true;
    while (!this.closed && !this.sourcePaths.isSettled) {
      const { sourcePaths } = this;
      const [direct, forwarded] = await Promise.all([
        arrivedIn(this.direct?.connection ?? null),
        arrivedIn(this.forwarded.connection),
      ]);
      // Another pair has begun meanwhile.
      if (sourcePaths !== this.sourcePaths) continue;
      const count = (all: ReadonlyMap<string, number>, trackOf: (source: Source) => MediaStreamTrack | null) => {
        const arrived: Arrived = {};
        for (const source of SOURCES) arrived[source] = all.get(trackOf(source)?.id ?? "");
        return arrived;
      };
      const slots = this.inSlots().get(this.otherId ?? "") ?? {};
      const arrived = {
        direct: count(direct, (source) => this.received[source] ?? null),
        forwarded: count(forwarded, (source) => slots[source]?.track ?? null),
      };
      for (const source of SOURCES) if (slots[source]?.paused) arrived.forwarded[source] = null;
      const changed = sourcePaths.take(
        arrived,
        { direct: this.states.direct === "connected", forwarded: this.states.forwarded === "connected" },
        this.otherSources(),
        Date.now(),
      );
      if (changed) this.showRemote();
      const lookAfterMs = this.leaving === null ? LOOK_EVERY_MS : LOOK_BESIDE_MS;
      if (!sourcePaths.isSettled) await new Promise((resolve) => setTimeout(resolve, lookAfterMs));
    }
    this.following = false;
    if (this.closed || !(this.core instanceof RoomPath)) return;
    this.run({ kind: "taken_over" });
    this.leaveDirect();
  }

  private inSlots(): RemoteTracks {
    return arrange(this.slots, (mid) => this.forwarded.trackAt(mid));
  }

  /** Lets each track follow to the new connection to the server. */
  private async handOver(handover: Handover): Promise<void> {
    while (!this.closed && handover === this.handover && !handover.isOver) {
      const { kept, connection } = this.forwarded;
      const [before, arrived] = await Promise.all([arrivedIn(kept), arrivedIn(connection)]);
      if (handover.take(before, arrived, this.inSlots(), Date.now())) this.showRemote();
      if (handover.isSilent) this.forwarded.relieve();
      if (!handover.isOver) await new Promise((resolve) => setTimeout(resolve, LOOK_BESIDE_MS));
    }
    if (this.closed || handover !== this.handover) return;
    this.handover = null;
    this.forwarded.letGo(CLOSE_AFTER_MS);
    this.showRemote();
  }

  /** Forwarded is played from the start, so that the first sound is heard; direct only where its tracks are at. */
  private showRemote(): void {
    if (this.core === null || this.closed) return;
    const remote = new Map(this.handover?.merge(this.inSlots()) ?? this.inSlots());
    if (this.otherId !== null) {
      const on = this.otherSources();
      const tracks = { ...remote.get(this.otherId) };
      for (const source of SOURCES) {
        const track = this.received[source];
        if (this.sourcePaths.of(source) !== "direct" || track === undefined) continue;
        // Direct has m-lines for a screen all the time.
        const isThere = source === "microphone" || source === "camera" || on.includes(source);
        if (isThere) tracks[source] = { track, paused: false };
      }
      remote.set(this.otherId, tracks);
    }
    if (isSameRemote(remote, this.remote)) return;
    this.remote = remote;
    this.listener.remote(remote);
  }

  private tellViewAgain(): void {
    this.views.again(Date.now());
    this.tellViewWhenDue();
  }

  private tellViewWhenDue(): void {
    clearTimeout(this.viewTimer);
    const { due } = this.views;
    if (due === null || this.closed) return;
    const tell = () => {
      const tiles = this.views.take(Date.now());
      if (tiles === null) this.tellViewWhenDue();
      else this.listener.send({ type: "view", room_id: this.roomId, view: { kind: "tiles", tiles } });
    };
    this.viewTimer = setTimeout(tell, Math.max(0, due - Date.now()));
  }

  private async sample(): Promise<void> {
    if (this.sampling) return;
    this.sampling = true;
    const [direct, forwarded] = await Promise.all([
      readInbound(this.direct?.connection ?? null),
      readInbound(this.forwarded.carrying),
    ]);
    this.sampling = false;
    if (this.closed) return;
    this.inbound = { direct, forwarded };
    const sample: PathsInput = { kind: "sample", direct, forwarded, reachable: this.serverIsThere && navigator.onLine };
    this.run(sample);
    this.leaveDirect();
    this.tellLeg(forwarded?.roundTripMs ?? null);
    const shown = this.core?.shownPath ?? null;
    const inbound = shown && this.inbound[shown];
    this.listener.measured({
      roundTripMs: inbound?.roundTripMs ?? null,
      protocol: inbound?.protocol ?? null,
      direct: this.watch.facts(Date.now()),
    });
  }
}
