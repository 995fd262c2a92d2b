/** The page around the client library: what it knows and receives as signals for the views, and what only a page does. */

import { effect, signal } from "@preact/signals";
import { Browsers } from "./browsers";
import { startFiles } from "./files";
import { Checker } from "./media/check-run";
import { refreshDeviceList, systemMuted } from "./media/device-watch";
import { LevelMeter } from "./media/levels";
import { quality } from "./media/quality-shown";
import { noticeOf } from "./notices";
import { Pairer } from "./pairing";
import { handlePush, startPush } from "./push";
import { Ringer } from "./ring";
import type { AppState, Input } from "./sdk/core/state";
import type { Engine } from "./sdk/engine";
import type { Device } from "./sdk/media/devices";
import type { RemoteTracks } from "./sdk/media/remote";
import type { Tracks } from "./sdk/media/tracks";
import type { Tile } from "./sdk/protocol";
import { Tandem, type TandemOptions } from "./sdk/tandem";
import { linkIdInPath, roomPath } from "./sdk/user-id";
import { settings } from "./settings";
import { text } from "./texts";
import { toast } from "./toasts";

export class App {
  readonly state;
  /** Streams are no data: they stay beside the state. */
  readonly remote;
  readonly selfStream = signal<MediaStream | null>(null);
  /** What this page shows of its own screen. */
  readonly selfScreen = signal<MediaStream | null>(null);
  readonly checker: Checker;
  readonly pairer: Pairer;
  readonly browsers: Browsers;
  private readonly engine: Engine;
  private readonly ringer = new Ringer();
  private readonly meter = new LevelMeter();
  private sent: Tracks;

  constructor(options: Omit<TandemOptions, "server">) {
    const tandem = new Tandem({ ...options, server: location.origin });
    const { engine } = tandem;
    this.engine = engine;
    this.sent = engine.tracks;
    engine.forgetGuest(linkIdInPath(location.pathname));
    this.state = signal<AppState>(engine.state);
    this.remote = signal<RemoteTracks>(engine.remote);
    this.checker = new Checker({
      send: (command) => engine.command(command),
      iceServers: () => this.state.value.iceServers,
    });
    this.pairer = new Pairer({
      send: (command) => engine.command(command),
      become: (credentials) => {
        engine.becomeUser(credentials);
        // The page begins anew: what it showed was somebody else's.
        location.reload();
      },
      now: () => Date.now(),
    });
    this.browsers = new Browsers((command) => engine.command(command));
    engine.intercept = (event, answers) =>
      this.checker.handle(event, answers) ||
      this.pairer.handle(event, answers) ||
      this.browsers.handle(event, answers) ||
      handlePush(event, answers);
    startPush((command) => engine.command(command));
    startFiles(engine);
    effect(() => tandem.prefer(settings.value));
    this.listen();
  }

  start(): void {
    this.engine.start();
  }

  /** Goes on as whom this token signs in. One that the page has already changes nothing. */
  signIn(token: string): void {
    if (!this.engine.takesToken(token)) return;
    // The page begins anew: what it showed was somebody else's.
    location.reload();
  }

  /** Comes into the room of this link without having signed in. */
  readonly beGuest = (linkId: string): void => {
    this.engine.beGuest(linkId);
    this.send({ kind: "open_link", linkId });
  };

  /** Feeds the state machine; views call it with what the user does. */
  readonly send = (input: Input): void => {
    const begins = input.kind === "call" || input.kind === "answer" || input.kind === "call_again";
    this.engine.send(begins ? { camera: !settings.value.cameraOff, ...input } : input);
  };

  /** Says which pictures of the others the page has place for: the most important first. */
  readonly setView = (tiles: Tile[]): void => this.engine.setView(tiles);

  /** Takes over the device that was just chosen, in the call in progress. */
  readonly switchDevice = (device: Device): void => void this.engine.switchDevice(device);

  stats(): Promise<Record<string, unknown>> {
    return this.engine.stats();
  }

  closeDirect(): void {
    this.engine.closeDirect();
  }

  private listen(): void {
    const { engine } = this;
    engine.on("state", (state) => {
      this.state.value = state;
    });
    engine.on("remote", (tracks) => {
      this.remote.value = tracks;
    });
    engine.on("tracks", (tracks) => this.sends(tracks));
    engine.on("quality", (verdict) => {
      quality.value = verdict;
    });
    engine.on("event", (event, answers) => {
      const notice = noticeOf(this.state.value, event, answers);
      if (notice !== null) toast(notice);
    });
    engine.on("ring", (tone, name) => this.ringer.set(tone, name));
    engine.on("door", (linkId) => {
      if (linkId !== null) history.replaceState(null, "", `${roomPath(linkId)}${location.search}`);
      else if (location.pathname !== "/") history.replaceState(null, "", `/${location.search}`);
    });
    engine.on("silenced", (device, on) => {
      systemMuted.value = { ...systemMuted.value, [device]: on };
    });
    engine.on("forgotten", () => toast(text("forgotten")));
    engine.on("switched", (_device, label) => toast(text("switched_to", { device: label })));
    engine.on("could_not_switch", (device) => toast(text("could_not_switch", { device: text(device) })));
  }

  private sends(tracks: Tracks): void {
    const { microphone, camera, screen } = this.sent;
    this.sent = tracks;
    this.meter.watch(tracks.microphone);
    if (tracks.camera !== camera) this.selfStream.value = tracks.camera ? new MediaStream([tracks.camera]) : null;
    if (tracks.screen !== screen) this.selfScreen.value = tracks.screen ? new MediaStream([tracks.screen]) : null;
    // With the first one that is granted, the browser tells what they are called.
    const isNew = (device: Device, was: MediaStreamTrack | null) => tracks[device] !== null && tracks[device] !== was;
    if (isNew("microphone", microphone) || isNew("camera", camera)) void refreshDeviceList();
  }
}
