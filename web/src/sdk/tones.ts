/** The tones of a telephone, made by WebAudio (no sound files), and vibration where there is any. */

import type { Tone } from "./core/state";

type Sounding = Exclude<Tone, null>;

/** Hz, start and length in seconds within one period. */
interface Note {
  frequencies: number[];
  at: number;
  length: number;
}

const NOTES: Record<Sounding, Note[]> = {
  incoming: [
    { frequencies: [659, 784], at: 0, length: 0.28 },
    { frequencies: [523, 659], at: 0.32, length: 0.28 },
    { frequencies: [659, 784], at: 0.64, length: 0.42 },
  ],
  /** The ringback tone of European telephones, softer. */
  outgoing: [{ frequencies: [425], at: 0, length: 1 }],
};
const PERIOD_MS: Record<Sounding, number> = { incoming: 2500, outgoing: 4000 };
const VOLUME: Record<Sounding, number> = { incoming: 0.18, outgoing: 0.06 };

/** One tone at a time, again and again until it is ended. */
export class Tones {
  private context: AudioContext | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  set(tone: Tone): void {
    this.end();
    if (tone === null) return;
    const play = () => this.play(tone);
    play();
    this.timer = setInterval(play, PERIOD_MS[tone]);
  }

  private end(): void {
    clearInterval(this.timer);
    navigator.vibrate?.(0);
    // Closing the context also cuts a note short: a tone that outlives the click on "Answer" is in the way of the first word.
    void this.context?.close().catch(() => {});
    this.context = null;
  }

  private play(tone: Sounding): void {
    if (tone === "incoming") navigator.vibrate?.([400, 200, 400]);
    try {
      this.context ??= new AudioContext();
      const { context } = this;
      // Until the first click on the page a browser keeps it silent: what is to be seen is there all the same.
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

/** One period of a tone. */
export function playNotes(context: AudioContext, tone: Sounding, out: AudioNode = context.destination): void {
  const start = context.currentTime + 0.02;
  for (const note of NOTES[tone]) {
    const gain = context.createGain();
    gain.connect(out);
    const from = start + note.at;
    const until = from + note.length;
    const volume = VOLUME[tone] / note.frequencies.length;
    // Ramps instead of edges: an edge clicks.
    gain.gain.setValueAtTime(0, from);
    gain.gain.linearRampToValueAtTime(volume, from + 0.02);
    gain.gain.setValueAtTime(volume, until - 0.06);
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
