/** Microphone and camera on and off: in a call, and while one waits for it. */

import { assertNever } from "../sdk/assert";
import { type AppState, type DeviceState, type Input, maySend } from "../sdk/core/state";
import { type TextKey, text } from "../texts";
import type { IconName } from "./icon";
import { RoundButton } from "./round-button";

export function DeviceButtons({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const all = (["microphone", "camera"] as const).filter((device) => maySend(state, device));
  return (
    <>
      {all.map((device) => (
        <DeviceButton key={device} device={device} state={state.devices[device]} send={send} />
      ))}
    </>
  );
}

interface DeviceButtonProps {
  device: "microphone" | "camera";
  state: DeviceState;
  send: (input: Input) => void;
}

const WORDS: Record<DeviceButtonProps["device"], { on: TextKey; off: TextKey; none: TextKey }> = {
  microphone: { on: "mute", off: "unmute", none: "no_microphone" },
  camera: { on: "camera_off", off: "camera_on", none: "no_camera" },
};

function DeviceButton({ device, state, send }: DeviceButtonProps) {
  const icon: IconName =
    device === "microphone" ? (state === "on" ? "mic" : "micOff") : state === "on" ? "video" : "videoOff";
  return (
    <RoundButton
      testId={device === "microphone" ? "mute" : "camera"}
      icon={icon}
      label={text(labelOf(state, WORDS[device]))}
      class={`round ${state === "off" ? "is-off" : ""} ${state === "none" ? "is-missing" : ""}`}
      hotkey={device === "microphone" ? "M" : "C"}
      state={state}
      disabled={state === "opening"}
      onClick={() => send({ kind: device === "microphone" ? "toggle_microphone" : "toggle_camera" })}
    />
  );
}

function labelOf(state: DeviceState, words: { on: TextKey; off: TextKey; none: TextKey }): TextKey {
  switch (state) {
    case "on":
    case "opening":
      return words.on;
    case "off":
      return words.off;
    case "none":
      return words.none;
    default:
      return assertNever(state);
  }
}
