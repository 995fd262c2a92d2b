/** Microphone and camera: opening what there is, saying in our own words what there is not, and letting go of it. */

import type { DeviceProblem } from "../core/state";

export interface OpenedDevices {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  problems: DeviceProblem[];
}

const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const CAMERA: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30 },
};

export type Device = "microphone" | "camera";
/** Ids of the devices that the user prefers; empty: whatever the system prefers. */
export type Chosen = Record<Device, string>;
type Failure = "denied" | "in_use" | "missing";

/** The part of `navigator` that is used; tests give a fake. */
export interface DeviceWorld {
  getUserMedia?: (constraints: MediaStreamConstraints) => Promise<MediaStream>;
  /** Whether the camera was granted before, so that asking shows no second prompt. */
  cameraGranted(): Promise<boolean>;
  chosen: Chosen;
}

export function browserDevices(chosen: Chosen): DeviceWorld {
  return {
    chosen,
    getUserMedia: navigator.mediaDevices?.getUserMedia?.bind(navigator.mediaDevices),
    async cameraGranted() {
      try {
        return (await navigator.permissions.query({ name: "camera" as PermissionName })).state === "granted";
      } catch {
        return false;
      }
    },
  };
}

/** `exactly`: fail rather than give another device. Else a device that is gone is replaced by what there is. */
export function constraintsOf(device: Device, id: string, exactly = false): MediaTrackConstraints {
  const base = device === "microphone" ? MICROPHONE : CAMERA;
  if (id !== "") return { ...base, deviceId: exactly ? { exact: id } : { ideal: id } };
  // Only without a choice: it would weigh as much as the id and bring the wrong one of a phone's two cameras.
  return device === "camera" ? { ...base, facingMode: "user" } : base;
}

/** Opens what is wanted, together if possible (one prompt), else one by one, so that one bad device does not cost the other. */
export async function openDevices(world: DeviceWorld, microphone: boolean, camera: boolean): Promise<OpenedDevices> {
  if (!microphone && !camera) return { microphone: null, camera: null, problems: [] };
  if (world.getUserMedia === undefined) return { microphone: null, camera: null, problems: ["insecure_context"] };
  const get = world.getUserMedia;
  const audio = constraintsOf("microphone", world.chosen.microphone);
  const video = constraintsOf("camera", world.chosen.camera);
  if (microphone && camera) {
    try {
      return found(await get({ audio, video }));
    } catch (error) {
      return openApart(world, get, failureOf(error) === "denied");
    }
  }
  const [device, constraints]: [Device, MediaStreamConstraints] = microphone
    ? ["microphone", { audio }]
    : ["camera", { video }];
  const one = await openOne(get, constraints);
  return typeof one === "string" ? { microphone: null, camera: null, problems: [`${device}_${one}`] } : found(one);
}

async function openApart(
  world: DeviceWorld,
  get: NonNullable<DeviceWorld["getUserMedia"]>,
  denied: boolean,
): Promise<OpenedDevices> {
  const problems: DeviceProblem[] = [];
  const audio = await openOne(get, { audio: constraintsOf("microphone", world.chosen.microphone) });
  if (typeof audio === "string") problems.push(`microphone_${audio}`);
  // Someone who has just said no is not asked again, unless it was only the microphone.
  const askCamera = !denied || (await world.cameraGranted());
  const video = askCamera ? await openOne(get, { video: constraintsOf("camera", world.chosen.camera) }) : "denied";
  if (typeof video === "string") problems.push(`camera_${video}`);
  return {
    microphone: typeof audio === "string" ? null : found(audio).microphone,
    camera: typeof video === "string" ? null : found(video).camera,
    problems,
  };
}

async function openOne(
  get: NonNullable<DeviceWorld["getUserMedia"]>,
  constraints: MediaStreamConstraints,
): Promise<MediaStream | Failure> {
  try {
    return await get(constraints);
  } catch (error) {
    return failureOf(error);
  }
}

/** Says what the tracks carry, so that encoders and filters do their best for it. */
export function found(stream: MediaStream): OpenedDevices {
  const microphone = stream.getAudioTracks()[0] ?? null;
  const camera = stream.getVideoTracks()[0] ?? null;
  if (microphone) microphone.contentHint = "speech";
  if (camera) camera.contentHint = "motion";
  return { microphone, camera, problems: [] };
}

/** The names of W3C Media Capture section 10.2, put into three words. */
export function failureOf(error: unknown): Failure {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "in_use";
  }
}
