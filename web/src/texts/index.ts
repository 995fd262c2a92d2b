import { computed, effect } from "@preact/signals";
import { LANGUAGES, type Language, settings } from "../settings";
import { de } from "./de";
import { en, type TextKey, type Texts } from "./en";
import { fr } from "./fr";

export type { TextKey } from "./en";

/** A language in which a text is missing does not compile. */
const CATALOGUES: Record<Language, Texts> = { en, de, fr };

/** The first of the wanted languages that there is; a region (`de-CH`) is served by its language. */
export function languageOf(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const language = LANGUAGES.find((one) => one === tag.toLowerCase().split("-")[0]);
    if (language !== undefined) return language;
  }
  return "en";
}

export const language = computed(() => settings.value.language ?? languageOf(globalThis.navigator?.languages ?? []));

/** Screen readers and hyphenation go by it. */
export function markLanguage(root: HTMLElement): void {
  effect(() => {
    root.lang = language.value;
  });
}

/** The text of a key, with its {placeholders} filled in. A view that calls it is drawn again when the language changes. */
export function text(key: TextKey, values: Record<string, string | number> = {}): string {
  return CATALOGUES[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
