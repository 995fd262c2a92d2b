import { signal } from "@preact/signals";

/** Which dialog lies over the page; at most one. */
export const openDialog = signal<"devices" | "help" | "check" | "add" | "remove" | "forget" | "past_chat" | null>(null);
