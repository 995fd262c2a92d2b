/** Short messages about something that has happened by itself and needs no answer. */

import { signal } from "@preact/signals";

export interface Toast {
  id: number;
  words: string;
}

const SHOWN_MS = 6000;
/** More would cover the call. */
const TOASTS_MAX = 3;

export const toasts = signal<Toast[]>([]);
let lastId = 0;

export function toast(words: string): void {
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value.filter((one) => one.words !== words), { id, words }].slice(-TOASTS_MAX);
  setTimeout(() => dismissToast(id), SHOWN_MS);
}

export function dismissToast(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}
