/** Files in chats, for the views: they are sent by the engine, shown where they are pictures, and saved by the browser. */

import type { Downloads } from "./sdk/files";
import type { FileInfo } from "./sdk/protocol";
import { language, text } from "./texts";
import { toast } from "./toasts";

/** Where a message stands: in the room that this page is in, or in a call that is over. */
export type Place = { roomId: string } | { callId: string };

interface Files {
  sendFile(file: File, words: string): void;
  downloads: Pick<Downloads, "url" | "load">;
}

let files: Files | null = null;

/** Once a page. */
export function startFiles(world: Files): void {
  files = world;
}

export function sendFile(file: File, words: string): void {
  files?.sendFile(file, words);
}

/** For a picture that is shown. */
export async function loadPicture(place: Place, number: number): Promise<Blob> {
  if (files === null) throw new Error("no server is known");
  return files.downloads.load(asking(place, number));
}

/** The browser asks where to, or puts it with its downloads. */
export async function saveFile(place: Place, number: number): Promise<void> {
  try {
    if (files === null) return;
    const link = document.createElement("a");
    link.href = await files.downloads.url(asking(place, number));
    // What it is called the server says.
    link.download = "";
    link.click();
  } catch {
    toast(text("file_not_loaded"));
  }
}

function asking(place: Place, number: number) {
  return "roomId" in place
    ? ({ type: "open_file", room_id: place.roomId, number } as const)
    : ({ type: "open_call_file", call_id: place.callId, number } as const);
}

/** Pictures that are shown where they stand; a larger one is to be saved. */
const SHOWN_BYTES_MAX = 8 * 1024 * 1024;

export function isShown({ kind, bytes, kept }: FileInfo): boolean {
  return kept && kind !== "other" && bytes <= SHOWN_BYTES_MAX;
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

/** As people say it: in units of 1,024, with three digits at most. */
export function sizeOf(bytes: number, tongue: string = language.value): string {
  const step = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  const size = bytes / 1024 ** step;
  const unit = UNITS[step];
  const digits = size < 10 && step > 0 ? 1 : 0;
  return new Intl.NumberFormat(tongue, {
    style: "unit",
    unit,
    unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: digits,
  }).format(size);
}
