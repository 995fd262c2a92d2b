import { assertNever } from "../assert";
import { speakingMuted } from "../media/levels";
import { settings } from "../settings";
import type { AppState, DeviceState, InCall, Input } from "../state";
import { type TextKey, text } from "../texts";
import { Duration } from "./duration";
import { Icon, type IconName } from "./icon";
import { openDialog } from "./open-dialog";
import { ViewButtons } from "./view-buttons";

interface Props {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

export function CallControls({ state, phase, send }: Props) {
  return (
    <div class="controls">
      <Duration since={phase.since} />
      <div class="buttons">
        <DeviceButton device="microphone" state={state.devices.microphone} send={send} />
        <DeviceButton device="camera" state={state.devices.camera} send={send} />
        <button
          type="button"
          class="round"
          data-testid="devices"
          aria-label={text("devices")}
          title={text("devices")}
          onClick={() => {
            openDialog.value = "devices";
          }}
        >
          <Icon name="settings" />
        </button>
        <button
          type="button"
          class="round stop wide"
          data-testid="hang-up"
          aria-label={text("hang_up")}
          title={withKey(text("hang_up"), "Shift+H")}
          aria-keyshortcuts={settings.value.singleKeys ? "Shift+H" : undefined}
          onClick={() => send({ kind: "hang_up" })}
        >
          <Icon name="phoneOff" />
        </button>
      </div>
      <ViewButtons />
    </div>
  );
}

/** A component of its own, because its signal changes many times a second. */
export function SpeakingMutedHint({ send }: Pick<Props, "send">) {
  return (
    <div class="speaking-muted-region" role="status">
      {speakingMuted.value && (
        <p class="speaking-muted" data-testid="speaking-muted">
          <Icon name="micOff" />
          {text("speaking_muted")}
          <button type="button" onClick={() => send({ kind: "toggle_microphone" })}>
            {text("unmute")}
          </button>
        </p>
      )}
    </div>
  );
}

interface DeviceButtonProps {
  device: "microphone" | "camera";
  state: DeviceState;
  send: Props["send"];
}

const WORDS: Record<DeviceButtonProps["device"], { on: TextKey; off: TextKey; none: TextKey }> = {
  microphone: { on: "mute", off: "unmute", none: "no_microphone" },
  camera: { on: "camera_off", off: "camera_on", none: "no_camera" },
};

function DeviceButton({ device, state, send }: DeviceButtonProps) {
  const words = WORDS[device];
  const label = text(labelOf(state, words));
  const key = device === "microphone" ? "M" : "C";
  const icon: IconName =
    device === "microphone" ? (state === "on" ? "mic" : "micOff") : state === "on" ? "video" : "videoOff";
  return (
    <button
      type="button"
      class={`round ${state === "off" ? "is-off" : ""} ${state === "none" ? "is-missing" : ""}`}
      data-testid={device === "microphone" ? "mute" : "camera"}
      data-state={state}
      aria-label={label}
      title={withKey(label, key)}
      aria-keyshortcuts={settings.value.singleKeys ? key : undefined}
      disabled={state === "opening"}
      onClick={() => send({ kind: device === "microphone" ? "toggle_microphone" : "toggle_camera" })}
    >
      <Icon name={icon} />
    </button>
  );
}

/** What a pointer that rests on a button is told. */
function withKey(label: string, key: string): string {
  return settings.value.singleKeys ? `${label} (${key})` : label;
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
