import { signal } from "@preact/signals";

/** Whether the list of those in the room is open beside the stage. */
export const panelOpen = signal(false);
