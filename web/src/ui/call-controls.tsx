import { speakingMuted } from "../media/levels";
import { assertNever } from "../sdk/assert";
import { type AppState, type DeviceState, type InCall, type Input, maySend } from "../sdk/core/state";
import { type TextKey, text } from "../texts";
import { ChatButton } from "./chat-button";
import { Duration } from "./duration";
import { Icon, type IconName } from "./icon";
import { MoreMenu } from "./more-menu";
import { isNarrow } from "./narrow";
import { openDialog } from "./open-dialog";
import { HandButton, isGroup, ReactMenu, ScreenButton } from "./room-buttons";
import { RoundButton } from "./round-button";
import { ParticipantsButton, ViewButtons } from "./view-buttons";

export interface ControlsProps {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

export function CallControls({ state, phase, send }: ControlsProps) {
  const microphone = maySend(state, "microphone") && (
    <DeviceButton device="microphone" state={state.devices.microphone} send={send} />
  );
  const camera = maySend(state, "camera") && <DeviceButton device="camera" state={state.devices.camera} send={send} />;
  const maySay = state.grants?.data !== false;
  if (isNarrow.value) {
    return (
      <div class="controls narrow">
        <div class="buttons">
          {microphone}
          {camera}
          <ParticipantsButton phase={phase} class="round" />
          <ChatButton state={state} phase={phase} class="round" send={send} />
          <MoreMenu state={state} phase={phase} send={send} />
          <HangUp phase={phase} send={send} />
        </div>
      </div>
    );
  }
  return (
    <div class="controls">
      <Duration since={phase.since} />
      <div class="buttons">
        {microphone}
        {camera}
        {maySend(state, "screen") && <ScreenButton state={state.devices.screen} send={send} />}
        {isGroup(phase) && maySay && <HandButton phase={phase} send={send} />}
        {isGroup(phase) && maySay && <ReactMenu send={send} />}
        <RoundButton
          testId="devices"
          icon="settings"
          label={text("devices")}
          onClick={() => {
            openDialog.value = "devices";
          }}
        />
        <HangUp phase={phase} send={send} />
      </div>
      <ViewButtons state={state} phase={phase} send={send} />
    </div>
  );
}

function HangUp({ phase, send }: Pick<ControlsProps, "phase" | "send">) {
  return (
    <RoundButton
      testId="hang-up"
      icon="phoneOff"
      label={text(isGroup(phase) ? "leave" : "hang_up")}
      class="round stop wide"
      hotkey="Shift+H"
      onClick={() => send({ kind: "hang_up" })}
    />
  );
}

/** A component of its own, because its signal changes many times a second. */
export function SpeakingMutedHint({ send }: Pick<ControlsProps, "send">) {
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
  send: ControlsProps["send"];
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
