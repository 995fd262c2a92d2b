/** What a key means. Pure; ui/use-keys.ts listens. */

import type { Phase } from "./sdk/core/state";

export type KeyAction =
  | "microphone"
  | "camera"
  | "hang_up"
  | "cancel"
  | "fullscreen"
  | "picture_in_picture"
  | "answer"
  | "decline"
  | "screen"
  | "hand"
  | "layout"
  | "participants"
  | "chat"
  | "add_person"
  | "previous_page"
  | "next_page"
  | "help";

export interface Press {
  key: string;
  /** Ctrl, Alt or Meta: that belongs to the browser. */
  modified: boolean;
  /** Held down. */
  repeated: boolean;
  /** The focus is in a field, or a dialog is open. */
  elsewhere: boolean;
}

/** Who was typing when it began to ring must not answer with the next letter. */
const ANSWER_AFTER_MS = 1500;

/** Hanging up takes two keys, because what is ended by mistake has to ring again. */
const IN_CALL: Record<string, KeyAction> = {
  m: "microphone",
  c: "camera",
  f: "fullscreen",
  p: "picture_in_picture",
  H: "hang_up",
  s: "screen",
  r: "hand",
  v: "layout",
  l: "participants",
  t: "chat",
  i: "add_person",
  PageUp: "previous_page",
  PageDown: "next_page",
  ArrowLeft: "previous_page",
  ArrowRight: "next_page",
};
const INCOMING: Record<string, KeyAction> = { a: "answer", d: "decline" };
const CALLING: Record<string, KeyAction> = { H: "cancel", m: "microphone", c: "camera" };

/** `shownMs`: for how long this phase has been on the screen. */
export function keyAction(press: Press, phase: Phase["kind"], shownMs: number, singleKeys: boolean): KeyAction | null {
  const { key, modified, repeated, elsewhere } = press;
  if (!singleKeys || modified || repeated || elsewhere) return null;
  if (key === "?") return "help";
  switch (phase) {
    case "in_call":
      return IN_CALL[key] ?? null;
    case "incoming":
      return shownMs >= ANSWER_AFTER_MS ? (INCOMING[key] ?? null) : null;
    case "calling":
      return CALLING[key] ?? null;
    case "home":
    case "joining":
    case "lobby":
    case "ended":
      return null;
  }
}
