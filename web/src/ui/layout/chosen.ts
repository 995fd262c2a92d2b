/** What the user chose to see in the call: grid or speaker, what is pinned, which page. */

import { signal } from "@preact/signals";
import { changeSettings, settings } from "../../settings";
import { isSameTile, type Mode, type TileId } from "./arrange";

export const pinned = signal<TileId | null>(null);
/** From 0. */
export const page = signal(0);
/** A choice against what a screen or a pin brings with it; it holds as long as they do. */
export const override = signal<Mode | null>(null);

/** A screen or a pin asks for the speaker view, whatever is usual here; unless the user says otherwise. */
export function modeOf(usual: Mode, hasFocus: boolean, chosen: Mode | null): Mode {
  if (!hasFocus) return usual;
  return chosen ?? "speaker";
}

export function toggleMode(hasFocus: boolean): void {
  const mode = modeOf(settings.value.layout, hasFocus, override.value) === "grid" ? "speaker" : "grid";
  page.value = 0;
  if (hasFocus) override.value = mode;
  else changeSettings({ layout: mode });
}

export function togglePin(tile: TileId): void {
  pinned.value = isSameTile(pinned.value, tile) ? null : tile;
  override.value = null;
  page.value = 0;
}

/** After a call: the next one is of others. */
export function forgetChosen(): void {
  pinned.value = null;
  override.value = null;
  page.value = 0;
}
