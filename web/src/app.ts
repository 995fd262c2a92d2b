/** Carries out what the reducer asks for, and turns what happens outside into its inputs. The only place that knows everything. */

import { signal } from "@preact/signals";
import { Checker } from "./media/check-run";
import { refreshDeviceList } from "./media/device-list";
import { LevelMeter } from "./media/levels";
import { Takeover } from "./media/takeover";
import { noticeOf } from "./notices";
import { Ringer } from "./ring";
import { assertNever } from "./sdk/assert";
import { reduce } from "./sdk/core/reduce";
import { type AppState, type Effect, type Input, initialState, maySend } from "./sdk/core/state";
import type { Identity } from "./sdk/identity";
import { CallMedia } from "./sdk/media/call";
import { browserDevices, openDevices } from "./sdk/media/devices";
import { NO_REMOTE_TRACKS, type RemoteTracks } from "./sdk/media/remote";
import { browserScreen, openScreen } from "./sdk/media/screen";
import { NO_TRACKS, SOURCES, type Tracks } from "./sdk/media/tracks";
import { watchUnseen } from "./sdk/media/unseen";
import { watchNetwork } from "./sdk/network-watch";
import type { Event, Tile } from "./sdk/protocol";
import { Socket } from "./sdk/socket";
import { roomPath } from "./sdk/user-id";
import { settings } from "./settings";
import { toast } from "./toasts";

export class App {
  readonly state;
  /** Streams are no data: they stay beside the state. */
  readonly remote = signal<RemoteTracks>(NO_REMOTE_TRACKS);
  readonly selfStream = signal<MediaStream | null>(null);
  /** What this page shows of its own screen. */
  readonly selfScreen = signal<MediaStream | null>(null);
  private readonly socket: Socket;
  private readonly ringer = new Ringer();
  private media: CallMedia | null = null;
  private tracks: Tracks = NO_TRACKS;
  /** Counts the calls, so that devices which open after the end are let go at once. */
  private call = 0;
  private failedStarts = 0;
  private generation = 0;
  private unseen = false;
  private readonly meter = new LevelMeter();
  readonly takeover = new Takeover({
    tracks: () => this.tracks,
    setTracks: (tracks) => this.setTracks(tracks),
    chosen: () => settings.value,
    lost: (device) => this.send({ kind: "device_lost", device }),
  });

  readonly checker = new Checker({
    send: (command) => this.socket.send(command),
    iceServers: () => this.state.value.iceServers,
  });

  constructor(
    private readonly identity: Identity,
    link: string | null,
  ) {
    this.state = signal<AppState>(initialState(link, identity.alwaysThroughServer(), identity.call()));
    this.socket = new Socket(
      {
        open: () => new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`),
        random: Math.random,
        firstHello: () => identity.firstHello(),
        token: () => identity.token(),
        forgetToken: () => identity.forgetToken(),
        storedSession: () => identity.storedSession(),
        keepSession: (session) => identity.keepSession(session),
        keepCredentials: (credentials) => identity.keepCredentials(credentials),
        forgetCredentials: (credentials) => identity.forgetCredentials(credentials),
      },
      {
        event: (event, answers, about) => this.serverEvent(event, answers, about),
        connected: (up) => this.connected(up),
        sessionLost: () => this.send({ kind: "session_lost" }),
        signedOut: () => this.send({ kind: "connection_changed", connection: "signed_out" }),
      },
    );
  }

  start(): void {
    this.socket.start();
    watchNetwork((changed) => {
      this.socket.reconnectNow();
      if (changed) this.media?.networkChanged();
    });
    watchUnseen(document, (unseen) => this.setUnseen(unseen));
    addEventListener("pagehide", (event) => event.persisted && this.socket.sleep());
    addEventListener("pageshow", (event) => event.persisted && this.socket.reconnectNow());
  }

  /** Goes on as whom this token signs in. One that the page has already changes nothing. */
  signIn(token: string): void {
    if (token === this.identity.token()) return;
    this.identity.keepToken(token);
    // The page begins anew: what it showed was somebody else's.
    location.reload();
  }

  /** Feeds the reducer; views call it with what the user does. */
  readonly send = (input: Input): void => {
    const { state, effects } = reduce(this.state.value, input, Date.now());
    this.state.value = state;
    this.media?.setIceServers(state.iceServers);
    const { kind } = state.phase;
    this.socket.setInCall(kind === "calling" || kind === "incoming" || kind === "in_call" || kind === "lobby");
    for (const effect of effects) this.carryOut(effect);
  };

  /** Says which pictures of the others the page has place for: the most important first. */
  readonly setView = (tiles: Tile[]): void => {
    this.media?.setView(tiles);
  };

  private setUnseen(unseen: boolean): void {
    this.unseen = unseen;
    this.media?.setUnseen(unseen);
  }

  async stats(): Promise<Record<string, unknown>> {
    const media = (await this.media?.stats()) ?? { direct: null, forwarded: null, shown_path: null };
    return { ...media, state: this.state.value.phase.kind };
  }

  shownConnection(): ReturnType<CallMedia["shown"]> {
    return this.media?.shown() ?? null;
  }

  closeDirect(): void {
    this.media?.closeDirect();
  }

  private serverEvent(event: Event, answers: Parameters<Socket["send"]>[0]["type"] | null, about: string | null): void {
    if (event.type === "welcome" && !event.resumed) {
      void this.identity.own(event.session_id);
      this.identity.keepCall(null);
    }
    if (this.checker.handle(event, answers)) return;
    const notice = noticeOf(this.state.value, event, answers);
    if (notice !== null) toast(notice);
    this.send({ kind: "event", event, answers, about });
  }

  private connected(up: boolean): void {
    this.media?.setServerIsThere(up);
    const { connection } = this.state.value;
    if (up) this.send({ kind: "connection_changed", connection: "up" });
    else if (connection === "up") this.send({ kind: "connection_changed", connection: "down" });
    else if (connection === "starting") this.startingFailed();
  }

  /** One failed attempt at the start is a hiccup; the second is worth a banner. */
  private startingFailed(): void {
    this.failedStarts += 1;
    if (this.failedStarts > 1) this.send({ kind: "connection_changed", connection: "down" });
  }

  private carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.socket.send(effect.command);
        // The server may be away, and the other should know all the same.
        if (effect.command.type === "publish") this.media?.tell({ type: "sources", sources: effect.command.sources });
        break;
      case "ring":
        this.ringer.set(effect.tone, effect.name);
        break;
      case "open_devices":
        void this.openDevices(effect.microphone, effect.camera);
        break;
      case "set_microphone":
        if (this.tracks.microphone) this.tracks.microphone.enabled = effect.on;
        break;
      case "close_camera":
        this.tracks.camera?.stop();
        this.setTracks({ ...this.tracks, camera: null });
        break;
      case "warm_media":
        this.warm(effect.roomId, effect.attempt);
        break;
      case "join_media":
        this.warm(effect.roomId, effect.attempt).join(effect);
        break;
      case "media_event":
        this.media?.handle(effect.event);
        break;
      case "others_changed":
        this.media?.setOthers(effect.others);
        break;
      case "set_direct":
        this.media?.setDirect(effect);
        break;
      case "open_screen":
        void this.openScreen();
        break;
      case "close_screen":
        this.closeScreen();
        break;
      case "fade_reaction":
        setTimeout(() => this.send({ kind: "reaction_faded", id: effect.id }), effect.afterMs);
        break;
      case "forget_server":
        this.media?.forgetServer(effect.patienceMs);
        break;
      case "stop_media":
        this.stopMedia(effect.farewell);
        break;
      case "server_restarted":
        this.media?.serverRestarted();
        break;
      case "remember_call":
        if (effect.call === null) this.generation = 0;
        this.identity.keepCall(effect.call && { ...effect.call, generation: this.generation });
        break;
      case "save_always_through_server":
        this.identity.keepAlwaysThroughServer(effect.on);
        break;
      case "enter_link":
        history.replaceState(null, "", `${roomPath(effect.linkId)}${location.search}`);
        break;
      case "leave_link":
        if (location.pathname !== "/") history.replaceState(null, "", `/${location.search}`);
        break;
      default:
        assertNever(effect);
    }
  }

  private warm(roomId: string, attempt: number): CallMedia {
    if (this.media?.roomId === roomId) return this.media;
    this.media?.close(false);
    this.media = new CallMedia(roomId, attempt, this.state.value.iceServers, {
      send: (command) => this.socket.send(command),
      remote: (tracks) => {
        this.remote.value = tracks;
      },
      pathShown: (path, reason) => this.send({ kind: "path_shown", path, reason }),
      measured: (measures) => this.send({ kind: "path_measured", measures }),
      told: (message) => this.send({ kind: "told", message }),
      generation: (generation) => {
        this.generation = generation;
        const call = this.identity.call();
        if (call) this.identity.keepCall({ ...call, generation });
      },
      lost: (closed) => this.send({ kind: "media_lost", closed }),
    });
    this.media.setTracks(this.tracks);
    this.media.setUnseen(this.unseen);
    return this.media;
  }

  private stopMedia(farewell: boolean): void {
    this.call += 1;
    this.media?.close(farewell);
    this.media = null;
    for (const source of SOURCES) this.tracks[source]?.stop();
    this.setTracks(NO_TRACKS);
    this.remote.value = NO_REMOTE_TRACKS;
  }

  private async openDevices(microphone: boolean, camera: boolean): Promise<void> {
    const { call } = this;
    const state = this.state.value;
    const opened = await openDevices(
      browserDevices(settings.value),
      microphone && maySend(state, "microphone"),
      camera && maySend(state, "camera"),
    );
    if (call !== this.call) {
      opened.microphone?.stop();
      opened.camera?.stop();
      return;
    }
    this.setTracks({
      ...this.tracks,
      microphone: microphone ? opened.microphone : this.tracks.microphone,
      camera: camera ? opened.camera : this.tracks.camera,
    });
    if (opened.microphone) this.takeover.watch("microphone", opened.microphone);
    if (opened.camera) this.takeover.watch("camera", opened.camera);
    void refreshDeviceList();
    this.send({
      kind: "devices_opened",
      microphone: microphone ? opened.microphone !== null : null,
      camera: camera ? opened.camera !== null : null,
      problems: opened.problems,
    });
  }

  private async openScreen(): Promise<void> {
    const { call } = this;
    const shown = await openScreen(browserScreen());
    const { screen } = shown;
    const screen_audio = maySend(this.state.value, "screen_audio") ? shown.screen_audio : null;
    if (screen_audio === null) shown.screen_audio?.stop();
    if (call !== this.call) {
      screen?.stop();
      screen_audio?.stop();
      return;
    }
    this.setTracks({ ...this.tracks, screen, screen_audio });
    // By the browser's own button, or with the window that was shown. Our own `stop()` fires no such event.
    screen?.addEventListener("ended", () => {
      if (this.tracks.screen === screen) this.send({ kind: "screen_ended" });
    });
    this.send({ kind: "screen_opened", video: screen !== null, audio: screen_audio !== null });
  }

  private closeScreen(): void {
    this.tracks.screen?.stop();
    this.tracks.screen_audio?.stop();
    this.setTracks({ ...this.tracks, screen: null, screen_audio: null });
  }

  private setTracks(tracks: Tracks): void {
    const { camera, screen } = this.tracks;
    this.tracks = tracks;
    this.media?.setTracks(tracks);
    this.meter.watch(tracks.microphone);
    if (tracks.camera !== camera) this.selfStream.value = tracks.camera ? new MediaStream([tracks.camera]) : null;
    if (tracks.screen !== screen) this.selfScreen.value = tracks.screen ? new MediaStream([tracks.screen]) : null;
  }
}
