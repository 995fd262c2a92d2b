import { speakingMuted } from "../media/levels";
import { type AppState, type InCall, type Input, maySend } from "../sdk/core/state";
import type { Device } from "../sdk/media/devices";
import { text } from "../texts";
import { ChatButton } from "./chat-button";
import { DeviceButtons } from "./device-buttons";
import { Duration } from "./duration";
import { Icon } from "./icon";
import { MoreMenu } from "./more-menu";
import { isNarrow } from "./narrow";
import { openDialog } from "./open-dialog";
import { HandButton, isGroup, ReactMenu, ScreenButton } from "./room-buttons";
import { RoundButton } from "./round-button";
import { ParticipantsButton, ViewButtons } from "./view-buttons";

export interface ControlsProps {
  state: AppState;
  phase: InCall;
  selfStream: MediaStream | null;
  /** Takes over the device that was just chosen. */
  switchDevice: (device: Device) => void;
  send: (input: Input) => void;
}

export function CallControls(props: ControlsProps) {
  const { state, phase, send } = props;
  const maySay = state.grants?.data !== false;
  if (isNarrow.value) {
    return (
      <div class="controls narrow">
        <div class="buttons">
          <DeviceButtons state={state} send={send} />
          <ParticipantsButton phase={phase} class="round" />
          <ChatButton state={state} phase={phase} class="round" send={send} />
          <MoreMenu {...props} />
          <HangUp phase={phase} send={send} />
        </div>
      </div>
    );
  }
  return (
    <div class="controls">
      <Duration since={phase.since} />
      <div class="buttons">
        <DeviceButtons state={state} send={send} />
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
