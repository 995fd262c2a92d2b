import { useEffect } from "preact/hooks";
import { systemMuted } from "../media/device-watch";
import type { Device } from "../sdk/media/devices";
import { text } from "../texts";
import { CallControls } from "./call-controls";
import { ChatPanel } from "./chat-panel";
import { Icon } from "./icon";
import { forgetChosen } from "./layout/chosen";
import { openPanel } from "./open-panel";
import { ParticipantsPanel } from "./participants-panel";
import { Problems } from "./problems";
import { ShareBar } from "./share-bar";
import { Stage, type StageProps } from "./stage";
import { leaveViews } from "./view-actions";
import { WaitingNotice } from "./waiting-list";

interface Props extends StageProps {
  selfScreen: MediaStream | null;
  switchDevice: (device: Device) => void;
}

export function InCall({ selfScreen, switchDevice, ...props }: Props) {
  const { state, phase, selfStream, send } = props;
  useEffect(
    () => () => {
      forgetChosen();
      leaveViews();
      openPanel.value = null;
    },
    [],
  );
  const waits = phase.me.host && phase.waiting.length > 0 && openPanel.value !== "participants";
  return (
    <main class="in-call">
      <div class="call-body">
        <Stage {...props} />
        {openPanel.value === "participants" && <ParticipantsPanel state={state} phase={phase} send={send} />}
        {openPanel.value === "chat" && <ChatPanel state={state} phase={phase} send={send} />}
      </div>
      <div class="under">
        {waits && <WaitingNotice waiting={phase.waiting} send={send} />}
        {state.devices.screen === "on" && (
          <ShareBar screen={selfScreen} sound={state.devices.screenAudio} send={send} />
        )}
        <Problems state={state} send={send} />
        {phase.serverLost && (
          <p class="problems" role="status">
            <Icon name="alert" />
            <span class="problem-texts">{text("server_lost")}</span>
          </p>
        )}
        <SystemMuted />
        <CallControls state={state} phase={phase} selfStream={selfStream} switchDevice={switchDevice} send={send} />
      </div>
    </main>
  );
}

function SystemMuted() {
  const devices = (["microphone", "camera"] as const).filter((device) => systemMuted.value[device]);
  return (
    <>
      {devices.map((device) => (
        <p key={device} class="problems" role="status">
          <Icon name={device === "microphone" ? "micOff" : "videoOff"} />
          <span class="problem-texts">{text(`system_muted_${device}`)}</span>
        </p>
      ))}
    </>
  );
}
