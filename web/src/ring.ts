/** Ringing: tones made by WebAudio (no sound files), the tab's title, a notification, and vibration where there is any. */

import { Notifier } from "./notify";
import type { Tone } from "./sdk/core/state";
import { settings } from "./settings";
import { text } from "./texts";

/** Hz, start and length in seconds within one period. */
interface Note {
  frequencies: number[];
  at: number;
  length: number;
}

const INCOMING: Note[] = [
  { frequencies: [659, 784], at: 0, length: 0.28 },
  { frequencies: [523, 659], at: 0.32, length: 0.28 },
  { frequencies: [659, 784], at: 0.64, length: 0.42 },
];
/** The ringback tone of European telephones, softer. */
const OUTGOING: Note[] = [{ frequencies: [425], at: 0, length: 1 }];
const PERIOD_MS: Record<Exclude<Tone, null>, number> = { incoming: 2500, outgoing: 4000 };
const VOLUME: Record<Exclude<Tone, null>, number> = { incoming: 0.18, outgoing: 0.06 };
const BLINK_MS = 1000;
const TEST_SOUND_MS = 1500;

export class Ringer {
  private context: AudioContext | null = null;
  private timers: ReturnType<typeof setInterval>[] = [];
  private readonly title = document.title;
  private readonly notifier = new Notifier();

  set(tone: Tone, name: string): void {
    this.stop();
    if (tone === null || (tone === "incoming" && settings.value.doNotDisturb)) return;
    const play = () => this.play(tone);
    play();
    this.timers.push(setInterval(play, PERIOD_MS[tone]));
    if (tone !== "incoming") return;
    this.blink(name);
    this.notifier.incomingCall(name);
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
    this.timers = [];
    document.title = this.title;
    this.notifier.close();
    navigator.vibrate?.(0);
    // Closing the context also cuts a note short: a tone that outlives the click on "Answer" is in the way of the first word.
    void this.context?.close().catch(() => {});
    this.context = null;
  }

  private blink(name: string): void {
    let on = false;
    const turn = () => {
      on = !on;
      document.title = on ? text("title_incoming", { name }) : this.title;
    };
    turn();
    this.timers.push(setInterval(turn, BLINK_MS));
  }

  private play(tone: Exclude<Tone, null>): void {
    if (tone === "incoming") navigator.vibrate?.([400, 200, 400]);
    try {
      this.context ??= new AudioContext();
      const { context } = this;
      // Until the first click on the page a browser keeps it silent: the title blinks all the same.
      void context.resume().catch(() => {});
      if (context.state !== "running" && tone === "incoming" && context.currentTime === 0) {
        context.onstatechange = () => {
          context.onstatechange = null;
          if (context.state === "running") playNotes(context, tone);
        };
        return;
      }
      playNotes(context, tone);
    } catch {
      // No sound device: the page shows the call anyway.
    }
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

function playNotes(context: AudioContext, tone: Exclude<Tone, null>, out: AudioNode = context.destination): void {
  const start = context.currentTime + 0.02;
  for (const note of tone === "incoming" ? INCOMING : OUTGOING) {
    const gain = context.createGain();
    gain.connect(out);
    const from = start + note.at;
    const until = from + note.length;
    // Ramps instead of edges: an edge clicks.
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(VOLUME[tone] / note.frequencies.length, from + 0.02);
    gain.gain.setValueAtTime(VOLUME[tone] / note.frequencies.length, until - 0.06);
    gain.gain.linearRampToValueAtTime(0, until);
    for (const frequency of note.frequencies) {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(gain);
      oscillator.start(from);
      oscillator.stop(until);
    }
  }
}
