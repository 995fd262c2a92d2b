// Figures and words as the operator's page shows them.

import type { Participant } from "./api";

/** 75 → "1 min", 7200 → "2 h", 200000 → "2 d 7 h". */
export function long(seconds: number): string {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "Through this server, TURN, TCP" */
export function pathWords(path: Participant["path"]): string {
  if (path === undefined) return "not said yet";
  const kind = path.kind === "direct" ? "Direct" : "Through this server";
  const turn = path.relayed ? ["TURN"] : [];
  return [kind, ...turn, ...(path.protocol === undefined ? [] : [path.protocol.toUpperCase()])].join(", ");
}

/** "0.4 % lost in, 8 % lost out, 21 ms": what a participant measured last; empty where it told nothing. */
export function measuredWords(measured: Participant["measured"]): string {
  const { received_loss_permille, sent_loss_permille, round_trip_ms } = measured ?? {};
  const words = [];
  if (received_loss_permille !== undefined) words.push(`${received_loss_permille / 10} % lost in`);
  if (sent_loss_permille !== undefined) words.push(`${sent_loss_permille / 10} % lost out`);
  if (round_trip_ms !== undefined) words.push(`${round_trip_ms} ms`);
  return words.join(", ");
}

const TRACKS: Record<string, string> = {
  microphone: "microphone",
  camera: "camera",
  screen: "screen",
  screen_audio: "screen sound",
};

export function trackWords(sources: string[]): string {
  return sources.length === 0 ? "nothing on" : sources.map((source) => TRACKS[source] ?? source).join(", ");
}
