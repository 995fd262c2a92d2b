import type { Reaction } from "../sdk/protocol";

/** In the order in which they are offered. */
export const GLYPHS: Record<Reaction, string> = {
  thumbs_up: "👍",
  applause: "👏",
  heart: "❤️",
  laughter: "😂",
  surprise: "😮",
  party: "🎉",
};
export const REACTIONS = Object.keys(GLYPHS) as Reaction[];
