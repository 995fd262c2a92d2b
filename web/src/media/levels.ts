/** How loud a microphone is: for the meter, and for the hint to someone who speaks although muted. */

import { signal } from "@preact/signals";

/** Of what a meter shows, where speech near a microphone begins and room noise ends. */
const SPEECH = 0.35;
/** A cough or a door is shorter. */
const SPEECH_MS = 400;
/** Between words. */
const PAUSE_MS = 250;
/** How long the hint stays after the last word. */
const HINT_MS = 3000;
const FLOOR_DB = -60;
const EVERY_MS = 80;

/** 0..1 of a meter, on the scale of the ear: -60 dB of full scale is nothing, 0 dB is all. */
export function meterOf(samples: Float32Array<ArrayBuffer>): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  const db = 20 * Math.log10(Math.max(rms, 1e-9));
  return Math.min(1, Math.max(0, 1 - db / FLOOR_DB));
}

/** Whether someone speaks into a muted microphone; pure. Feed it with every reading. */
export class SpeakingMuted {
  private since: number | null = null;
  private lastLoudAt = 0;
  private hintUntil = 0;

  handle(level: number, muted: boolean, now: number): boolean {
    if (!muted) {
      this.since = null;
      this.hintUntil = 0;
      return false;
    }
    if (level >= SPEECH) {
      this.since ??= now;
      this.lastLoudAt = now;
    } else if (now - this.lastLoudAt > PAUSE_MS) {
      this.since = null;
    }
    if (this.since !== null && now - this.since >= SPEECH_MS) this.hintUntil = now + HINT_MS;
    return now < this.hintUntil;
  }
}

/** Of the microphone that is open, in the call or in the preview. */
export const level = signal(0);
export const speakingMuted = signal(false);

/** Listens to one track at a time. It hears a clone, because a muted track gives silence to everyone. */
export class LevelMeter {
  private context: AudioContext | null = null;
  private clone: MediaStreamTrack | null = null;
  private of: MediaStreamTrack | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;

  watch(track: MediaStreamTrack | null): void {
    if (track === this.of) return;
    this.stop();
    if (track === null || track.readyState === "ended") return;
    try {
      this.listen(track);
    } catch {
      // No sound system: there is no meter then.
      this.stop();
    }
  }

  private listen(track: MediaStreamTrack): void {
    this.of = track;
    const clone = track.clone();
    clone.enabled = true;
    this.clone = clone;
    const context = new AudioContext();
    this.context = context;
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(new MediaStream([clone])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const speaking = new SpeakingMuted();
    this.timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      // In steps that can be seen: every finer one would draw the meter again for nothing.
      level.value = Math.round(meterOf(samples) * 25) / 25;
      speakingMuted.value = speaking.handle(level.value, !track.enabled, performance.now());
    }, EVERY_MS);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.clone?.stop();
    void this.context?.close().catch(() => {});
    this.context = null;
    this.clone = null;
    this.of = null;
    level.value = 0;
    speakingMuted.value = false;
  }
}
