// Sounds for a fake microphone.

import { writeFileSync } from "node:fs";

const RATE_HZ = 48_000;

/** Writes a WAV file (16 bit, mono) of something like speech, `on` seconds loud and `off` seconds silent in turn. */
export function writeBursts(path, { seconds = 10, on = 1.5, off = 0.5 } = {}) {
  const samples = new Int16Array(seconds * RATE_HZ);
  for (let at = 0; at < samples.length; at++) {
    // Echo cancellers and noise filters let speech pass: a voiced tone whose loudness moves, with some breath in it.
    const t = at / RATE_HZ;
    if (t % (on + off) >= on) continue;
    const syllable = 0.6 + 0.4 * Math.sin(2 * Math.PI * 4 * t);
    let voice = 0;
    for (let harmonic = 1; harmonic <= 12; harmonic++) voice += Math.sin(2 * Math.PI * 140 * harmonic * t) / harmonic;
    samples[at] = 32_767 * 0.4 * syllable * (voice / 2 + 0.2 * (Math.random() - 0.5));
  }
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE_HZ, 24);
  header.writeUInt32LE(2 * RATE_HZ, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.byteLength, 40);
  writeFileSync(path, Buffer.concat([header, Buffer.from(samples.buffer)]));
}
