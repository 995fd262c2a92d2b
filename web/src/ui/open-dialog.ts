import { signal } from "@preact/signals";

type DialogName =
  | "devices"
  | "help"
  | "check"
  | "add"
  | "remove"
  | "forget"
  | "past_chat"
  | "contact"
  | "block"
  | "blocked";

/** Which dialog lies over the page; at most one. */
export const openDialog = signal<DialogName | null>(null);
