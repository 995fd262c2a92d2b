/** Finds out how well this browser reaches the server, and whether there are a camera and a microphone. */

import { signal } from "@preact/signals";
import type { DeviceProblem } from "../sdk/core/state";
import { browserDevices, type Device, openDevices } from "../sdk/media/devices";
import type { Command, Event, IceServer } from "../sdk/protocol";
import { changeSettings, settings } from "../settings";
import { type DeviceFinding, type Findings, NOTHING_FOUND } from "./check";
import { Measurement } from "./measure";
import { probe, type Way } from "./probes";

/** `asks`: whether the devices may be opened, which may ask the user. */
export interface Check {
  asks: boolean;
  findings: Findings;
  done: boolean;
}

/** The latest check; null where none was made, or its result was put away. */
export const check = signal<Check | null>(null);

export interface CheckWorld {
  send(command: Command): void;
  iceServers(): IceServer[];
}

export class Checker {
  private running: AbortController | null = null;
  private measurement: Measurement | null = null;

  constructor(private readonly world: CheckWorld) {}

  /** Whether an event belonged to the check. */
  handle(event: Event, answers: Command["type"] | null): boolean {
    if (answers === "start_check" || event.type === "check_started") {
      this.measurement?.handle(event, answers);
      return true;
    }
    return this.measurement?.handle(event, answers) ?? false;
  }

  async run(asks: boolean): Promise<void> {
    this.stop();
    const running = new AbortController();
    this.running = running;
    check.value = { asks, findings: NOTHING_FOUND, done: false };
    const found = (findings: Partial<Findings>) => {
      const now = check.value;
      if (!running.signal.aborted && now !== null) check.value = { ...now, findings: { ...now.findings, ...findings } };
    };
    await Promise.all([this.ways(running.signal, found), asks ? openBoth(found) : lookAtBoth(found)]);
    if (running.signal.aborted || check.value === null) return;
    check.value = { ...check.value, done: true };
    changeSettings({ checkedAt: Date.now() });
  }

  /** Calls off what is running; what was found by then is forgotten. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    if (check.value?.done === false) check.value = null;
  }

  private async ways(signal: AbortSignal, found: (findings: Partial<Findings>) => void): Promise<void> {
    const iceServers = this.world.iceServers();
    const measurement = new Measurement({ send: (command) => this.world.send(command), iceServers, signal });
    this.measurement = measurement;
    const measured = measurement.run().then((result) => {
      if (this.measurement === measurement) this.measurement = null;
      found({ measured: result?.measured ?? "failed" });
      return result?.protocol ?? null;
    });
    const reach = async (way: Way) => {
      const reached = await probe(way, iceServers, signal);
      if (reached === "yes") found({ [way]: reached });
      // The connection that was measured is a witness too.
      else found({ [way]: (await measured) === way ? "yes" : reached });
    };
    await Promise.all([reach("udp"), reach("tcp"), reach("tls"), measured]);
  }
}

/** Opens what there is and lets go of it. */
async function openBoth(found: (findings: Partial<Findings>) => void): Promise<void> {
  const { microphone, camera, problems } = await openDevices(browserDevices(settings.value), true, true);
  microphone?.stop();
  camera?.stop();
  found({
    microphone: microphone === null ? findingOf("microphone", problems) : "ready",
    camera: camera === null ? findingOf("camera", problems) : "ready",
  });
}

function findingOf(device: Device, problems: DeviceProblem[]): DeviceFinding {
  if (problems.includes("insecure_context")) return "insecure";
  if (problems.includes(`${device}_denied`)) return "denied";
  return problems.includes(`${device}_in_use`) ? "in_use" : "missing";
}

/** Only what the browser tells without asking. */
async function lookAtBoth(found: (findings: Partial<Findings>) => void): Promise<void> {
  if (navigator.mediaDevices === undefined) {
    found({ microphone: "insecure", camera: "insecure" });
    return;
  }
  const infos = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const look = async (device: Device, kind: MediaDeviceKind): Promise<DeviceFinding> => {
    if (!infos.some((info) => info.kind === kind)) return "missing";
    const state = await permission(device);
    return state === "denied" ? "denied" : state === "granted" ? "ready" : "asks";
  };
  const [microphone, camera] = await Promise.all([look("microphone", "audioinput"), look("camera", "videoinput")]);
  found({ microphone, camera });
}

async function permission(device: Device): Promise<PermissionState> {
  try {
    return (await navigator.permissions.query({ name: device as PermissionName })).state;
  } catch {
    return "prompt";
  }
}
