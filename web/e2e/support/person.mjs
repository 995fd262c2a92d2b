// One person at one page: what a hand would click, and what eyes and ears would notice.

import { setTimeout as sleep } from "node:timers/promises";

import { launch } from "./browsers.mjs";
import { cameraOf } from "./camera.mjs";
import { within } from "./limits.mjs";
import { fakeScreen } from "./screen.mjs";

/** How long a story waits for something that should happen. */
export const PATIENCE_MS = within(20_000);

/** Waits until `probe` gives something true, and gives that. */
export async function until(what, probe, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms for: ${what} (last: ${last})`);
    await sleep(40);
  }
}

/**
 * Runs in the page before its own scripts: keeps every RTCPeerConnection, and looks at the websocket, so that the oracle does not
 * depend on what the page says of itself.
 */
function watchConnections() {
  let welcomed = null;
  let [slots, direct, mine] = [[], null, null];
  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", (message) => {
        const event = JSON.parse(message.data);
        if (event.type === "welcome") {
          welcomed = this;
          mine = event.call?.participant_id ?? mine;
        }
        if (event.type === "slots_changed") slots = event.slots;
        if (event.type === "signaled") direct = event.from;
        if (event.participant_id && /^(call_answered|room_joined)$/.test(event.type)) mine = event.participant_id;
      });
    }
  };
  const online = () => welcomed?.readyState === NativeSocket.OPEN;

  const kept = [];
  const states = new WeakMap();
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      kept.push(this);
      const history = [];
      states.set(this, history);
      this.addEventListener("connectionstatechange", () => history.push(this.connectionState));
    }
  };
  // Firefox delivers no `ended` that a script dispatches at a track, so a story that pulls a cable calls the listeners itself.
  const whenEnded = new WeakMap();
  MediaStreamTrack.prototype.addEventListener = function (type, listener, ...rest) {
    if (type === "ended") whenEnded.set(this, [...(whenEnded.get(this) ?? []), listener]);
    return EventTarget.prototype.addEventListener.call(this, type, listener, ...rest);
  };
  const sent = (kind) =>
    kept.flatMap((pc) => pc.getSenders()).find((s) => s.track?.kind === kind && s.track.readyState === "live");
  const unplug = (kind) => {
    const { track } = sent(kind);
    track.stop();
    for (const listener of whenEnded.get(track) ?? []) listener.call(track, new Event("ended"));
    return track.id;
  };
  // In Firefox the statistics of a connection that is closed meanwhile never come.
  const statisticsOf = (pc) => Promise.race([pc.getStats(), new Promise((done) => setTimeout(done, 1000, new Map()))]);
  const received = async () => {
    const sum = { frames: 0, audioEnergy: 0, audioSamples: 0, audioPackets: 0, videoPackets: 0 };
    for (const pc of kept) {
      if (pc.connectionState === "closed") continue;
      for (const s of (await statisticsOf(pc)).values()) {
        if (s.type !== "inbound-rtp") continue;
        if (s.kind === "video") {
          sum.frames += s.framesDecoded ?? 0;
          sum.videoPackets += s.packetsReceived ?? 0;
        } else {
          sum.audioEnergy += s.totalAudioEnergy ?? 0;
          sum.audioSamples += s.totalSamplesReceived ?? 0;
          sum.audioPackets += s.packetsReceived ?? 0;
        }
      }
    }
    return sum;
  };
  /**
   * How each connection runs. Only the server's end is ICE-lite (RFC 8445 section 2.5), so it tells the paths apart. `transport` is
   * what leaves this browser: udp and tcp, or what carries a relayed packet to the relay (RFC 8656): turn-udp, turn-tcp, turn-tls.
   */
  const routes = async () => {
    const found = [];
    for (const pc of kept) {
      const remote = pc.remoteDescription?.sdp ?? "";
      const route = {
        path: remote === "" ? null : remote.includes("a=ice-lite") ? "forwarded" : "direct",
        states: states.get(pc),
        frames: 0,
        transport: null,
      };
      found.push(route);
      if (pc.connectionState === "closed") continue;
      const statistics = await statisticsOf(pc);
      for (const s of statistics.values()) {
        if (s.type === "inbound-rtp" && s.kind === "video") route.frames += s.framesDecoded ?? 0;
        // Chromium names the pair in use in the transport's entry, Firefox marks the pair itself.
        const used =
          s.type === "transport" ? s.selectedCandidatePairId : s.type === "candidate-pair" && s.selected && s.id;
        const local = used && statistics.get(statistics.get(used)?.localCandidateId);
        if (!local) continue;
        route.transport = local.candidateType === "relay" ? `turn-${local.relayProtocol}` : local.protocol;
      }
    }
    return found;
  };
  /** Whose track an entry of the statistics is of, and which: what the server says of its slots; all else is the other's at direct. */
  const whose = (pc, entry) => {
    const line = pc.getTransceivers().find((one) => one.receiver.track.id === entry.trackIdentifier);
    if (!(pc.remoteDescription?.sdp ?? "").includes("a=ice-lite")) {
      const at = pc
        .getTransceivers()
        .filter((one) => one.receiver.track.kind === entry.kind)
        .indexOf(line);
      const sources = entry.kind === "audio" ? ["microphone", "screen_audio"] : ["camera", "screen"];
      return `${direct}/${sources[at]}`;
    }
    const slot = slots.find((one) => one.mid === line?.mid);
    return slot === undefined ? null : `${slot.participant_id}/${slot.source}`;
  };
  /** Frames decoded, and energy of sound, of each track of each participant; a slot counts for who has it now. */
  const tracks = async () => {
    const found = {};
    for (const pc of kept) {
      if (pc.connectionState === "closed") continue;
      for (const s of (await statisticsOf(pc)).values()) {
        const key = s.type === "inbound-rtp" ? whose(pc, s) : null;
        if (key === null) continue;
        found[key] = (found[key] ?? 0) + (s.kind === "video" ? (s.framesDecoded ?? 0) : (s.totalAudioEnergy ?? 0));
      }
    }
    return found;
  };
  const me = () => mine;
  const liveTracks = () => kept.flatMap((pc) => pc.getSenders()).filter((s) => s.track?.readyState === "live").length;
  /** Notes the moments of the first decoded frame and the first audio sample after this call. */
  const watchFirst = () => {
    const first = { video: null, audio: null };
    const look = async () => {
      const now = await received();
      if (now.frames > 0) first.video ??= Date.now();
      if (now.audioSamples > 0 || now.audioEnergy > 0) first.audio ??= Date.now();
      if (first.video && first.audio) return;
      setTimeout(look, 5);
    };
    look();
    window.__first = first;
  };
  window.__oracle = { tracks, whose, me, received, routes, liveTracks, watchFirst, kept, online, sent, unplug };
}

export class Person {
  /** A person with a browser of their own. */
  static async open(kind, url, options = {}) {
    const person = new Person();
    person.kind = kind;
    person.quietCheck = options.quietCheck ?? false;
    person.cameraSize = options.cameraSize;
    person.browser = await launch(kind, options);
    await person.openTab(url);
    return person;
  }

  /** The same person in another tab. */
  async tab(url) {
    const other = new Person();
    other.kind = this.kind;
    other.browser = this.browser;
    other.shared = true;
    await other.openTab(url);
    return other;
  }

  async openTab(url) {
    this.page = await this.browser.newPage();
    this.errors = [];
    this.page.on("pageerror", (error) => this.errors.push(String(error)));
    this.page.on("console", (message) => {
      if (message.type() === "error") this.errors.push(message.text());
    });
    await this.page.evaluateOnNewDocument(watchConnections);
    await this.page.evaluateOnNewDocument(fakeScreen);
    if (this.cameraSize) await this.page.evaluateOnNewDocument(cameraOf, this.cameraSize);
    // The check that the page makes by itself has a story of its own; in others it would be one connection too many.
    if (!this.quietCheck) {
      await this.page.evaluateOnNewDocument(() => {
        // An empty page before the first has no storage.
        if (location.protocol.startsWith("http") && localStorage.getItem("tandem.settings") === null) {
          localStorage.setItem("tandem.settings", JSON.stringify({ checkedAt: Date.now() }));
        }
      });
    }
    await this.page.goto(url);
  }

  async close() {
    if (this.shared) await this.page.close();
    else await this.browser.close();
  }

  at(testId) {
    return `[data-testid="${testId}"]`;
  }

  sees(testId, patience) {
    return until(`${this.kind} sees ${testId}`, () => this.has(testId), patience);
  }

  loses(testId, patience) {
    return until(`${this.kind} no longer sees ${testId}`, async () => !(await this.has(testId)), patience);
  }

  has(testId) {
    return this.page.$eval(this.at(testId), (e) => e.getClientRects().length > 0).catch(() => false);
  }

  text(testId) {
    return this.page.$eval(this.at(testId), (e) => e.textContent.trim());
  }

  data(testId, name) {
    return this.page.$eval(this.at(testId), (e, name) => e.dataset[name], name).catch(() => undefined);
  }

  async click(testId) {
    await until(`${this.kind} can press ${testId}`, () =>
      this.page.$eval(this.at(testId), (e) => e.getClientRects().length > 0 && !e.disabled),
    );
    await this.page.$eval(this.at(testId), (e) => e.click());
  }

  /** Clicks at a moment of the clock, for what has to happen to two people at once; false if it was not there to click any more. */
  clickAt(testId, moment) {
    const click = (selector, moment) =>
      new Promise((resolve) => {
        const press = () => {
          const element = document.querySelector(selector);
          element?.click();
          resolve(element !== null);
        };
        setTimeout(press, moment - Date.now());
      });
    return this.page.evaluate(click, this.at(testId), moment);
  }

  async id() {
    this.shownId = await until("a user id", async () => {
      const text = await this.text("my-id");
      return /^\w{4}-\w{4}-\w{4}$/.test(text) && text;
    });
    return this.shownId;
  }

  /**
   * Leaves whatever is shown for the home page, as a person would who is done with it. A call that a story left behind is hung up:
   * loading the page again would only resume it.
   */
  async goHome() {
    if (await this.has("hang-up")) {
      await this.click("hang-up");
      await this.sees("ended");
    }
    if (!(await this.has("call-input"))) await this.page.goto(new URL("/", this.page.url()).href);
    await this.online();
  }

  /** Waits until the page has its session: before that, nobody can ring it. */
  online() {
    return until(`${this.kind} is connected`, () => this.page.evaluate(() => window.__oracle.online()));
  }

  async call(id) {
    await this.dial(id);
    await this.click("call");
  }

  /** Types an id, without calling yet. */
  dial(id) {
    return this.type("call-input", id);
  }

  /** Fills a field anew. */
  async type(testId, value) {
    await this.sees(testId);
    await this.page.$eval(this.at(testId), (e) => {
      e.value = "";
      e.focus();
    });
    await this.page.type(this.at(testId), value);
  }

  async setAlwaysThroughServer(on) {
    // From then on the page knows what the server has.
    await this.sees("contacts-only");
    await this.switch("always-through-server", on);
  }

  /** Until it holds. */
  async switch(testId, on) {
    await this.sees(testId);
    const is = async () => (await this.data(testId, "on")) === String(on);
    if (!(await is())) await this.page.$eval(this.at(testId), (e) => e.click());
    await until(`${testId} is ${on}`, is);
  }

  endedWith(reason) {
    return until(`${this.kind} is told ${reason}`, async () => (await this.data("ended", "reason")) === reason);
  }

  onPath(path, patience) {
    return until(`${this.kind} is on ${path}`, async () => (await this.data("path", "path")) === path, patience);
  }

  received() {
    return this.page.evaluate(() => window.__oracle.received());
  }

  routes() {
    return this.page.evaluate(() => window.__oracle.routes());
  }

  /** The oracle: decoded frames and audio energy that grow, and a remote video that plays. */
  async seesAndHears() {
    const before = await until(`${this.kind} receives`, () => this.received());
    await until(`${this.kind}: frames are decoded and audio has energy`, async () => {
      const now = await this.received();
      return now.frames >= before.frames + 10 && now.audioEnergy > before.audioEnergy;
    });
    await until(`${this.kind}: the remote video plays`, () =>
      this.page.$eval(this.at("remote-video"), (v) => v.videoWidth > 0 && !v.paused && v.currentTime > 0),
    );
  }

  liveTracks() {
    return this.page.evaluate(() => window.__oracle.liveTracks());
  }

  watchFirst() {
    return this.page.evaluate(() => window.__oracle.watchFirst());
  }

  firstMedia(patience) {
    return until(
      `${this.kind}: first video and audio`,
      () => this.page.evaluate(() => window.__first.video && window.__first.audio && window.__first),
      patience,
    );
  }

  screenshot(path) {
    return this.page.screenshot({ path });
  }
}
