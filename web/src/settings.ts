/** What this browser remembers of its owner's wishes. One signal, kept in localStorage; every tab of a user follows. */

import { signal } from "@preact/signals";
import type { Store } from "./sdk/identity";

export const LANGUAGES = ["en", "de", "fr"] as const;
export type Language = (typeof LANGUAGES)[number];
export const CORNERS = ["top-left", "top-right", "bottom-left", "bottom-right"] as const;
export type Corner = (typeof CORNERS)[number];
export const LAYOUTS = ["grid", "speaker"] as const;

export interface Settings {
  /** Device ids; empty: whatever the system prefers. */
  microphone: string;
  camera: string;
  speaker: string;
  /** Whether calls begin without the own picture. */
  cameraOff: boolean;
  doNotDisturb: boolean;
  singleKeys: boolean;
  /** Whether this browser shows what was missed while no page was open. */
  push: boolean;
  /** Where the own picture sits in a call. */
  corner: Corner;
  /** How more than two are shown, where no screen and no pin asks for another way. */
  layout: (typeof LAYOUTS)[number];
  /** null: the first language of the browser that there is. */
  language: Language | null;
  /** When the connection was last checked by itself; wall clock in ms, 0: never. */
  checkedAt: number;
}

export const DEFAULT_SETTINGS: Settings = {
  microphone: "",
  camera: "",
  speaker: "",
  cameraOff: false,
  doNotDisturb: false,
  singleKeys: true,
  push: false,
  corner: "bottom-right",
  layout: "grid",
  language: null,
  checkedAt: 0,
};

/** Storage may hold what another version wrote, or nothing: each value is taken only if it is one of ours. */
export function parseSettings(stored: string | null): Settings {
  let values: Record<string, unknown>;
  try {
    values = Object(JSON.parse(stored ?? "null"));
  } catch {
    return DEFAULT_SETTINGS;
  }
  const of = DEFAULT_SETTINGS;
  const word = (value: unknown) => (typeof value === "string" ? value : "");
  const truth = (value: unknown, otherwise: boolean) => (typeof value === "boolean" ? value : otherwise);
  return {
    microphone: word(values.microphone),
    camera: word(values.camera),
    speaker: word(values.speaker),
    cameraOff: truth(values.cameraOff, of.cameraOff),
    doNotDisturb: truth(values.doNotDisturb, of.doNotDisturb),
    singleKeys: truth(values.singleKeys, of.singleKeys),
    push: truth(values.push, of.push),
    corner: CORNERS.find((one) => one === values.corner) ?? of.corner,
    layout: LAYOUTS.find((one) => one === values.layout) ?? of.layout,
    language: LANGUAGES.find((one) => one === values.language) ?? of.language,
    checkedAt: typeof values.checkedAt === "number" ? values.checkedAt : of.checkedAt,
  };
}

/** Read by the views; written only by `changeSettings`. */
export const settings = signal<Settings>(DEFAULT_SETTINGS);

let keep: (value: string) => void = () => {};

/** `slot`: the `?user=` label; two people in one browser have wishes of their own. */
export function loadSettings(store: Store, slot: string): void {
  const key = slot ? `tandem.settings.${slot}` : "tandem.settings";
  settings.value = parseSettings(store.getItem(key));
  keep = (value) => {
    try {
      store.setItem(key, value);
    } catch {
      // Full or blocked: then they hold for as long as the page does.
    }
  };
  addEventListener("storage", (event) => {
    if (event.key === key) settings.value = parseSettings(event.newValue);
  });
}

export function changeSettings(changes: Partial<Settings>): void {
  settings.value = { ...settings.value, ...changes };
  keep(JSON.stringify(settings.value));
}
