/** The own picture and level before a call. Opened by a click only; nobody else sees or hears it. */

import { signal } from "@preact/signals";
import type { DeviceProblem } from "../sdk/core/state";
import { browserDevices, openDevices } from "../sdk/media/devices";
import { settings } from "../settings";
import { refreshDeviceList } from "./device-watch";
import { LevelMeter } from "./levels";

export interface Preview {
  status: "off" | "opening" | "on";
  stream: MediaStream | null;
  problems: DeviceProblem[];
}

const OFF: Preview = { status: "off", stream: null, problems: [] };

export const preview = signal<Preview>(OFF);
const meter = new LevelMeter();
let tracks: MediaStreamTrack[] = [];
/** Counts starts and stops, so that what opens too late is let go at once. */
let turn = 0;

/** Opens what is chosen; again, if it is open already. */
export async function startPreview(microphone = true, camera = true): Promise<void> {
  stopPreview();
  const mine = turn;
  preview.value = { ...OFF, status: "opening" };
  const opened = await openDevices(browserDevices(settings.value), microphone, camera);
  const got = [opened.microphone, opened.camera].filter((track) => track !== null);
  if (mine !== turn) {
    for (const track of got) track.stop();
    return;
  }
  tracks = got;
  meter.watch(opened.microphone);
  preview.value = {
    status: "on",
    stream: opened.camera ? new MediaStream([opened.camera]) : null,
    problems: opened.problems,
  };
  void refreshDeviceList();
}

export function stopPreview(): void {
  turn += 1;
  meter.watch(null);
  for (const track of tracks) track.stop();
  tracks = [];
  if (preview.value !== OFF) preview.value = OFF;
}
