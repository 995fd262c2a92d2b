/** Which devices there are to choose from. Browsers tell names only after a device was granted once. */

export type Kind = "microphone" | "camera" | "speaker";

export interface Choice {
  id: string;
  /** Empty as long as the browser does not tell. */
  label: string;
}

export type DeviceList = Record<Kind, Choice[]>;

export const NO_CHOICE: DeviceList = { microphone: [], camera: [], speaker: [] };

const KINDS: Record<MediaDeviceKind, Kind> = {
  audioinput: "microphone",
  videoinput: "camera",
  audiooutput: "speaker",
};

/** Aliases of Chromium for a device that is listed under its own id as well. */
const ALIASES = ["", "default", "communications"];

export function choicesOf(infos: Pick<MediaDeviceInfo, "kind" | "deviceId" | "label">[]): DeviceList {
  const list: DeviceList = { microphone: [], camera: [], speaker: [] };
  for (const { kind, deviceId, label } of infos) {
    if (ALIASES.includes(deviceId)) continue;
    // "Camera (046d:0825)": the numbers of maker and model help nobody to choose.
    list[KINDS[kind]].push({ id: deviceId, label: label.replace(/ \([0-9a-f]{4}:[0-9a-f]{4}\)$/i, "") });
  }
  return list;
}

/** What has come: the kinds that have a device which was not there before. */
export function kindsThatGrew(before: DeviceList, after: DeviceList): Kind[] {
  const kinds: Kind[] = ["microphone", "camera", "speaker"];
  return kinds.filter((kind) => after[kind].some(({ id }) => !before[kind].some((old) => old.id === id)));
}

/** null: without https there is no list; devices.ts says so as soon as it matters. */
export async function readDeviceList(): Promise<DeviceList | null> {
  try {
    return choicesOf(await navigator.mediaDevices.enumerateDevices());
  } catch {
    return null;
  }
}

/** Whether this browser lets a page choose where its sound comes out. */
export function canChooseSpeaker(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}
