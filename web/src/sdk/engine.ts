/**
 * Runs the state machine: carries out what it asks for, and turns what happens outside into its inputs. The one place that knows socket,
 * media and storage. It draws nothing, says nothing and rings nobody: whoever drives it hears of that in its events.
 */

import { assertNever } from "./assert";
import { reduce } from "./core/reduce";
import { type AppState, type Effect, type Input, initialState, maySend, type Tone } from "./core/state";
import { Emitter } from "./emitter";
import { Downloads, Uploads } from "./files";
import { Happenings } from "./happenings";
import type { Identity } from "./identity";
import { CallMedia } from "./media/call";
import { browserDevices, type Chosen, type Device, openDevices } from "./media/devices";
import type { Verdict } from "./media/quality";
import { QualityWatch, type Shown } from "./media/quality-watch";
import { NO_REMOTE_TRACKS, type RemoteTracks } from "./media/remote";
import { browserScreen, openScreen } from "./media/screen";
import { Takeover } from "./media/takeover";
import { NO_TRACKS, SOURCES, type Tracks } from "./media/tracks";
import { watchUnseen } from "./media/unseen";
import { newMessageId } from "./message-id";
import { watchNetwork } from "./network-watch";
import type { Command, Credentials, Event, Tile } from "./protocol";
import { Socket } from "./socket";

export interface EngineWorld {
  /** The address of the server's websocket. */
  websocketUrl: string;
  identity: Identity;
  /** The devices that the user prefers. */
  chosen(): Chosen;
  /** The user of the call link that the page was opened with. */
  link: string | null;
}

export interface EngineEvents {
  /** What is known has changed. What comes of it is not carried out yet. */
  state: [state: AppState, before: AppState];
  /** The server said something; `state` does not have it yet. */
  event: [event: Event, answers: Command["type"] | null];
  /** The server does not know this browser as who it was: it was signed out, or the server has lost its users. It becomes somebody else. */
  forgotten: [];
  /** An attempt to reach the server has come to something. */
  attempted: [up: boolean];
  /** What is received of the others. */
  remote: [tracks: RemoteTracks];
  /** What this page sends, or would if there were somebody to get it. */
  tracks: [tracks: Tracks];
  quality: [verdict: Verdict | null];
  ring: [tone: Tone, name: string];
  /** The page is at the door of this link's room from here on; null: of none. */
  door: [linkId: string | null];
  /** A device is gone, and the one of this name is in its place. */
  switched: [device: Device, label: string];
  could_not_switch: [device: Device];
  /** Silenced from outside the page, or not any more. */
  silenced: [device: Device, on: boolean];
}

export class Engine extends Emitter<EngineEvents> {
  /** A look at what the server says before anybody else gets it; true: it was for nobody else. */
  intercept: (event: Event, answers: Command["type"] | null) => boolean = () => false;
  private now: AppState;
  private readonly identity: Identity;
  private socket: Socket;
  private media: CallMedia | null = null;
  private received: RemoteTracks = NO_REMOTE_TRACKS;
  private sent: Tracks = NO_TRACKS;
  /** Counts the calls, so that devices which open after the end are let go at once. */
  private call = 0;
  private failedStarts = 0;
  private generation = 0;
  private unseen = false;
  private running: AbortController | null = null;
  private readonly takeover: Takeover;
  private readonly quality: QualityWatch;
  private readonly happenings: Happenings;
  /** Where files of messages are to be had. */
  readonly downloads: Downloads;
  private readonly uploads: Uploads;

  constructor(private readonly world: EngineWorld) {
    super();
    const { identity, link } = world;
    this.identity = identity;
    this.now = initialState(link, identity.alwaysThroughServer(), identity.call());
    this.socket = this.makeSocket();
    this.happenings = new Happenings({ state: () => this.now, send: (command) => this.command(command) });
    this.takeover = new Takeover({
      tracks: () => this.sent,
      setTracks: (tracks) => this.setTracks(tracks),
      chosen: () => world.chosen(),
      lost: (device) => {
        this.happenings.lost(device);
        this.send({ kind: "device_lost", device });
      },
      switched: (device, label) => {
        this.happenings.switched(device);
        this.emit("switched", device, label);
      },
      couldNotSwitch: (device) => this.emit("could_not_switch", device),
      silenced: (device, on) => {
        this.happenings.silenced(device, on);
        this.emit("silenced", device, on);
      },
    });
    const { websocketUrl } = world;
    this.downloads = new Downloads({ websocketUrl, send: (command) => this.command(command) });
    this.uploads = new Uploads({
      websocketUrl,
      progress: (messageId, sent) => this.send({ kind: "file_progress", messageId, sent }),
      sent: (messageId, problem) => this.send({ kind: "file_sent", messageId, problem }),
    });
    this.quality = new QualityWatch({
      phase: () => this.now.phase,
      remote: () => this.received,
      shown: () => this.shown(),
      isServerAway: () => this.now.connection === "down",
      judged: (verdict) => this.emit("quality", verdict),
      measured: (measured) => this.happenings.measured(measured),
    });
  }

  get state(): AppState {
    return this.now;
  }

  get remote(): RemoteTracks {
    return this.received;
  }

  get tracks(): Tracks {
    return this.sent;
  }

  start(): void {
    if (this.running !== null) return;
    const running = new AbortController();
    this.running = running;
    const { signal } = running;
    this.socket.start();
    watchNetwork((changed) => {
      this.socket.reconnectNow();
      if (changed) this.media?.networkChanged();
    }, signal);
    watchUnseen(document, (unseen) => this.setUnseen(unseen), signal);
    addEventListener("pagehide", (event) => event.persisted && this.socket.sleep(), { signal });
    addEventListener("pageshow", (event) => event.persisted && this.socket.reconnectNow(), { signal });
  }

  /** Lets go of the server, and of whatever call there is. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.send({ kind: "hang_up" });
    this.send({ kind: "cancel" });
    this.send({ kind: "decline" });
    this.send({ kind: "home" });
    this.socket.stop();
    this.send({ kind: "connection_changed", connection: "down" });
  }

  /** Goes on as whom this token signs in, and forgets whatever was before. */
  signIn(token: string): void {
    const isRunning = this.running !== null;
    this.stop();
    this.identity.keepToken(token);
    this.become(initialState(this.world.link, this.identity.alwaysThroughServer()));
    this.failedStarts = 0;
    this.socket = this.makeSocket();
    if (isRunning) this.start();
  }

  /** Is this user from now on, whoever it was before. */
  becomeUser(credentials: Credentials): void {
    this.stop();
    this.identity.become(credentials);
  }

  /** Comes as a guest of this link's room from now on, where the server has asked to sign in and takes guests. */
  beGuest(linkId: string): void {
    const isRunning = this.running !== null;
    this.stop();
    this.identity.keepGuestOf(linkId);
    this.become(initialState(null, this.identity.alwaysThroughServer()));
    this.failedStarts = 0;
    this.socket = this.makeSocket();
    if (isRunning) this.start();
  }

  /** The page is another than that of the room that it came to as a guest: who comes back there is asked anew. */
  forgetGuest(linkId: string | null): void {
    if (this.identity.guestOf() !== linkId) this.identity.keepGuestOf(null);
  }

  /** Keeps a token for the next hello; false: it is the one that there is already. */
  takesToken(token: string): boolean {
    if (token === this.identity.token()) return false;
    this.identity.keepToken(token);
    return true;
  }

  /** Takes what the user does, or what has happened. */
  readonly send = (input: Input): void => {
    const { state, effects } = reduce(this.now, input, Date.now());
    this.become(state);
    this.media?.setIceServers(state.iceServers);
    const { kind } = state.phase;
    this.socket.setInCall(kind === "calling" || kind === "incoming" || kind === "in_call" || kind === "lobby");
    for (const effect of effects) this.carryOut(effect);
  };

  /** Sends a file into the chat with a text, which may be empty; the id of its message. */
  readonly sendFile = (file: File, text: string): string => {
    const messageId = newMessageId();
    this.uploads.keep(messageId, file);
    this.send({ kind: "say_file", messageId, text, name: file.name, bytes: file.size });
    return messageId;
  };

  /** Says something to the server that the state machine has no part in. */
  command(command: Command): void {
    this.socket.send(command);
  }

  /** Says which pictures of the others the page has place for: the most important first. */
  readonly setView = (tiles: Tile[]): void => {
    this.media?.setView(tiles);
  };

  /** Puts the chosen device in the place of the one in use. */
  async switchDevice(device: Device): Promise<void> {
    const before = this.sent[device];
    await this.takeover.choose(device);
    const after = this.sent[device];
    if (before !== null && after !== null && before !== after) this.happenings.switched(device);
  }

  async stats(): Promise<Record<string, unknown>> {
    const media = (await this.media?.stats()) ?? { direct: null, forwarded: null, shown_path: null };
    return { ...media, state: this.now.phase.kind };
  }

  closeDirect(): void {
    this.media?.closeDirect();
  }

  private shown(): Shown | null {
    return this.media?.shown() ?? null;
  }

  private become(state: AppState): void {
    const before = this.now;
    if (state === before) return;
    this.now = state;
    this.quality.follow();
    this.emit("state", state, before);
  }

  private makeSocket(): Socket {
    const { identity } = this;
    return new Socket(
      {
        open: () => new WebSocket(this.world.websocketUrl),
        random: Math.random,
        firstHello: () => identity.firstHello(),
        token: () => identity.token(),
        guestOf: () => identity.guestOf(),
        forgetToken: () => identity.forgetToken(),
        storedSession: () => identity.storedSession(),
        keepSession: (session) => identity.keepSession(session),
        keepCredentials: (credentials) => identity.keepCredentials(credentials),
        forgetCredentials: (credentials) => {
          identity.forgetCredentials(credentials);
          this.emit("forgotten");
        },
      },
      {
        event: (event, answers, about) => this.serverEvent(event, answers, about),
        connected: (up) => this.connected(up),
        sessionLost: () => this.send({ kind: "session_lost" }),
        signedOut: () => this.send({ kind: "connection_changed", connection: "signed_out" }),
      },
    );
  }

  private setUnseen(unseen: boolean): void {
    this.unseen = unseen;
    this.happenings.seen(unseen);
    this.media?.setUnseen(unseen);
  }

  private serverEvent(event: Event, answers: Command["type"] | null, about: string | null): void {
    if (event.type === "welcome" && !event.resumed) {
      void this.identity.own(event.session_id);
      this.identity.keepCall(null);
    }
    if (this.intercept(event, answers)) return;
    this.downloads.handle(event, answers);
    this.emit("event", event, answers);
    this.send({ kind: "event", event, answers, about });
  }

  private connected(up: boolean): void {
    this.media?.setServerIsThere(up);
    const { connection } = this.now;
    if (up) this.send({ kind: "connection_changed", connection: "up" });
    else if (connection === "up") this.send({ kind: "connection_changed", connection: "down" });
    else if (connection === "starting") this.startingFailed();
    this.emit("attempted", up);
  }

  /** One failed attempt at the start is a hiccup; the second is worth telling. */
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
        this.emit("ring", effect.tone, effect.name);
        break;
      case "open_devices":
        void this.openDevices(effect.microphone, effect.camera);
        break;
      case "set_microphone":
        if (this.sent.microphone) this.sent.microphone.enabled = effect.on;
        break;
      case "close_camera":
        this.sent.camera?.stop();
        this.setTracks({ ...this.sent, camera: null });
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
      case "send_file":
        this.uploads.send(effect.messageId, effect.ticket);
        break;
      case "drop_file":
        this.uploads.drop(effect.messageId);
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
      case "await_ring":
        setTimeout(() => this.send({ kind: "ring_missed", callId: effect.callId }), effect.patienceMs);
        break;
      case "ask_again":
        setTimeout(() => this.send(effect.input), effect.afterMs);
        break;
      case "stop_media":
        this.stopMedia(effect.farewell);
        break;
      case "server_restarted":
        this.media?.serverRestarted(effect.announced);
        break;
      case "remember_call":
        if (effect.call === null) this.generation = 0;
        this.identity.keepCall(effect.call && { ...effect.call, generation: this.generation });
        break;
      case "save_always_through_server":
        this.identity.keepAlwaysThroughServer(effect.on);
        break;
      case "enter_link":
        this.emit("door", effect.linkId);
        break;
      case "leave_link":
        this.emit("door", null);
        break;
      default:
        assertNever(effect);
    }
  }

  private warm(roomId: string, attempt: number): CallMedia {
    if (this.media?.roomId === roomId) return this.media;
    this.media?.close(false);
    this.media = new CallMedia(roomId, attempt, this.now.iceServers, {
      send: (command) => this.socket.send(command),
      remote: (tracks) => this.receive(tracks),
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
    this.media.setTracks(this.sent);
    this.media.setUnseen(this.unseen);
    return this.media;
  }

  private stopMedia(farewell: boolean): void {
    this.call += 1;
    this.media?.close(farewell);
    this.media = null;
    this.uploads.dropAll();
    for (const source of SOURCES) this.sent[source]?.stop();
    this.setTracks(NO_TRACKS);
    this.receive(NO_REMOTE_TRACKS);
  }

  private receive(tracks: RemoteTracks): void {
    if (tracks === this.received) return;
    this.received = tracks;
    this.emit("remote", tracks);
  }

  private async openDevices(microphone: boolean, camera: boolean): Promise<void> {
    const { call } = this;
    const opened = await openDevices(
      browserDevices(this.world.chosen()),
      microphone && maySend(this.now, "microphone"),
      camera && maySend(this.now, "camera"),
    );
    if (call !== this.call) {
      opened.microphone?.stop();
      opened.camera?.stop();
      return;
    }
    this.setTracks({
      ...this.sent,
      microphone: microphone ? opened.microphone : this.sent.microphone,
      camera: camera ? opened.camera : this.sent.camera,
    });
    if (opened.microphone) this.takeover.watch("microphone", opened.microphone);
    if (opened.camera) this.takeover.watch("camera", opened.camera);
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
    const screen_audio = maySend(this.now, "screen_audio") ? shown.screen_audio : null;
    if (screen_audio === null) shown.screen_audio?.stop();
    if (call !== this.call) {
      screen?.stop();
      screen_audio?.stop();
      return;
    }
    this.setTracks({ ...this.sent, screen, screen_audio });
    // By the browser's own button, or with the window that was shown. Our own `stop()` fires no such event.
    screen?.addEventListener("ended", () => {
      if (this.sent.screen === screen) this.send({ kind: "screen_ended" });
    });
    this.send({ kind: "screen_opened", video: screen !== null, audio: screen_audio !== null });
  }

  private closeScreen(): void {
    this.sent.screen?.stop();
    this.sent.screen_audio?.stop();
    this.setTracks({ ...this.sent, screen: null, screen_audio: null });
  }

  private setTracks(tracks: Tracks): void {
    this.sent = tracks;
    this.media?.setTracks(tracks);
    this.emit("tracks", tracks);
  }
}
