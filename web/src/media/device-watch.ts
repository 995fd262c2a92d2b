/** Follows what is plugged in and out, for the lists to choose from and for calls that wait for a device. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AppState, Input } from "../sdk/core/state";
import { type DeviceList, kindsThatGrew, NO_CHOICE, readDeviceList } from "../sdk/media/device-list";
import type { Device } from "../sdk/media/devices";
import { settings } from "../settings";
import { text } from "../texts";
import { toast } from "../toasts";

export const deviceList = signal<DeviceList>(NO_CHOICE);

export async function refreshDeviceList(): Promise<void> {
  deviceList.value = (await readDeviceList()) ?? deviceList.value;
}

/** Silenced from outside the page: by the system, a key of the keyboard, or a switch on the device. */
export const systemMuted = signal<Record<Device, boolean>>({ microphone: false, camera: false });

/** Where sound comes out: the chosen speaker as long as it is there. An element that plays to one that is gone is silent. */
export const speakerInUse = computed(() => {
  const { speaker } = settings.value;
  return deviceList.value.speaker.some(({ id }) => id === speaker) ? speaker : "";
});

export function watchDevices(state: ReadonlySignal<AppState>, send: (input: Input) => void): void {
  // Absent without https.
  navigator.mediaDevices?.addEventListener("devicechange", async () => {
    const before = deviceList.value;
    const speaker = speakerInUse.value;
    await refreshDeviceList();
    if (speaker !== "" && speakerInUse.value === "") toast(text("speaker_gone"));
    const { problems } = state.value.devices;
    const came = kindsThatGrew(before, deviceList.value);
    // Whoever was told to plug one in has done so.
    if (came.some((kind) => kind !== "speaker" && problems.includes(`${kind}_missing`))) {
      send({ kind: "retry_devices" });
    }
  });
}
