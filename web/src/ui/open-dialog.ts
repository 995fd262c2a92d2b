import { signal } from "@preact/signals";

type DialogName =
  | "devices"
  | "help"
  | "check"
  | "add"
  | "remove"
  | "forget"
  | "past_chat"
  | "report"
  | "contact"
  | "block"
  | "blocked"
  | "pair"
  | "take_pairing"
  | "browsers";

/** Which dialog lies over the page; at most one. */
export const openDialog = signal<DialogName | null>(null);
