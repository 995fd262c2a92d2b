/** Ringing: the tones, the tab's title, and a notification. */

import { Notifier } from "./notify";
import type { Tone } from "./sdk/core/state";
import { playNotes, Tones } from "./sdk/tones";
import { settings } from "./settings";
import { text } from "./texts";

const BLINK_MS = 1000;
const TEST_SOUND_MS = 1500;

export class Ringer {
  private timer: ReturnType<typeof setInterval> | undefined;
  private readonly title = document.title;
  private readonly notifier = new Notifier();
  private readonly tones = new Tones();

  set(tone: Tone, name: string): void {
    clearInterval(this.timer);
    document.title = this.title;
    this.notifier.close();
    const quiet = tone === "incoming" && settings.value.doNotDisturb;
    this.tones.set(quiet ? null : tone);
    if (tone !== "incoming" || quiet) return;
    this.blink(name);
    this.notifier.incomingCall(name);
  }

  private blink(name: string): void {
    let on = false;
    const turn = () => {
      on = !on;
      document.title = on ? text("title_incoming", { name }) : this.title;
    };
    turn();
    this.timer = setInterval(turn, BLINK_MS);
  }
}

/** Lets the user hear where sound comes out. */
export async function playTestSound(speaker: string): Promise<void> {
  try {
    const context = new AudioContext();
    // By way of an element: more browsers let an element choose its speaker than a context.
    const destination = context.createMediaStreamDestination();
    const element = new Audio();
    element.srcObject = destination.stream;
    if (speaker !== "") await element.setSinkId(speaker).catch(() => {});
    await element.play();
    playNotes(context, "incoming", destination);
    setTimeout(() => void context.close(), TEST_SOUND_MS);
  } catch {
    // No sound device; the meter beside it may still work.
  }
}
