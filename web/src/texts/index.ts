import { en } from "./en";

export type TextKey = keyof typeof en;

/** The text of a key, with its {placeholders} filled in. */
export function text(key: TextKey, values: Record<string, string | number> = {}): string {
  return en[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
