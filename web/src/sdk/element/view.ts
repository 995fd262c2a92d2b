/** What the element shows: made once, then changed. It knows nothing of calls. */

import type { RemoteTrack } from "../remote-track";
import type { Participant } from "../room";
import { STYLE } from "./style";
import type { Texts } from "./texts";

export type Deed = "call" | "join" | "answer" | "decline" | "microphone" | "camera" | "hear" | "hang_up";

/** The buttons that are there, in their order, and what stands on each. */
export type Buttons = Partial<Record<Deed, string>>;

const LOOK: Partial<Record<Deed, string>> = {
  call: "main",
  join: "main",
  answer: "go",
  decline: "stop",
  hang_up: "stop",
};
const DEEDS: Deed[] = ["call", "join", "answer", "decline", "hear", "microphone", "camera", "hang_up"];

export class View {
  readonly self = document.createElement("video");
  readonly passphrase = document.createElement("input");
  private readonly stage = document.createElement("div");
  private readonly others = document.createElement("div");
  private readonly status = document.createElement("p");
  private readonly field = document.createElement("label");
  private readonly fieldName = document.createElement("span");
  private readonly buttons = new Map<Deed, HTMLButtonElement>();
  private readonly figures = new Map<string, HTMLElement>();
  private readonly voices = new Map<RemoteTrack, HTMLMediaElement>();

  constructor(
    private readonly root: ShadowRoot,
    deed: (deed: Deed) => void,
  ) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const body = document.createElement("div");
    const bar = document.createElement("div");
    body.className = "body";
    bar.className = "bar";
    this.stage.className = "stage";
    this.others.className = "others";
    this.self.className = "self";
    this.self.setAttribute("part", "self");
    this.status.className = "status";
    this.status.setAttribute("role", "status");
    this.passphrase.type = "password";
    this.passphrase.autocomplete = "off";
    this.field.append(this.fieldName, this.passphrase);
    this.stage.append(this.others, this.self);
    bar.append(this.status, this.field);
    for (const one of DEEDS) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = LOOK[one] ?? "";
      button.dataset.deed = one;
      button.setAttribute("part", "button");
      button.addEventListener("click", () => deed(one));
      this.buttons.set(one, button);
      bar.append(button);
    }
    this.passphrase.addEventListener("keydown", ({ key }) => key === "Enter" && deed("join"));
    body.append(this.stage, bar);
    root.append(body);
  }

  show(words: string, wrong: boolean, buttons: Buttons, asksPassphrase: string | null): void {
    if (this.status.textContent !== words) this.status.textContent = words;
    this.status.classList.toggle("wrong", wrong);
    this.fieldName.textContent = asksPassphrase ?? "";
    this.field.hidden = asksPassphrase === null;
    const focused = this.root.activeElement;
    for (const [deed, button] of this.buttons) {
      const label = buttons[deed];
      button.hidden = label === undefined;
      if (label !== undefined && button.textContent !== label) button.textContent = label;
    }
    // A button that is gone takes the focus along: whoever uses the keyboard goes on at what stands in its place.
    if (focused instanceof HTMLButtonElement && focused.hidden) this.first()?.focus();
  }

  /** The people and their pictures. `null`: there is no room. */
  showPeople(people: Participant[] | null, texts: Texts, hasCamera: boolean): void {
    this.stage.hidden = people === null;
    this.self.hidden = !hasCamera;
    this.self.setAttribute("aria-label", texts.you);
    const wanted = new Map<string, [Participant, RemoteTrack | undefined]>();
    for (const one of people ?? []) {
      const picture = (source: string) => one.tracks.find((track) => track.source === source);
      wanted.set(`${one.id}/camera`, [one, picture("camera")]);
      const screen = picture("screen");
      if (screen?.state === "live") wanted.set(`${one.id}/screen`, [one, screen]);
    }
    for (const [key, figure] of this.figures) {
      if (wanted.has(key)) continue;
      figure.remove();
      this.figures.delete(key);
    }
    for (const [key, [one, track]] of wanted) this.figure(key, one.name || texts.guest, track);
  }

  /** Plays a voice; pictures are played where their people are. */
  hear(track: RemoteTrack): void {
    if (track.kind === "audio") this.voices.set(track, track.attach());
  }

  silence(track: RemoteTrack): void {
    track.detach();
    this.voices.delete(track);
  }

  private figure(key: string, name: string, track: RemoteTrack | undefined): void {
    let figure = this.figures.get(key);
    if (figure === undefined) {
      figure = document.createElement("figure");
      figure.className = key.endsWith("/screen") ? "screen" : "";
      figure.setAttribute("part", "tile");
      figure.append(document.createElement("video"), document.createElement("figcaption"));
      this.figures.set(key, figure);
      this.others.append(figure);
    }
    const video = figure.querySelector("video");
    const caption = figure.querySelector("figcaption");
    if (video === null || caption === null) return;
    caption.textContent = name;
    video.setAttribute("aria-label", name);
    video.hidden = track?.state !== "live";
    if (track !== undefined && video.srcObject !== track.stream) track.attach(video);
  }

  private first(): HTMLButtonElement | null {
    return [...this.buttons.values()].find(({ hidden }) => !hidden) ?? null;
  }
}
