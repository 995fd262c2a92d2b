import { signal } from "@preact/signals";

/** What is open beside the stage: who is in the room, or what is written there. */
export const openPanel = signal<"participants" | "chat" | null>(null);

export function togglePanel(which: "participants" | "chat"): void {
  openPanel.value = openPanel.value === which ? null : which;
}
