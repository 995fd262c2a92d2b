import { useEffect } from "preact/hooks";
import { systemMuted } from "../media/takeover";
import { text } from "../texts";
import { CallControls } from "./call-controls";
import { Icon } from "./icon";
import { forgetChosen } from "./layout/chosen";
import { Problems } from "./problems";
import { Stage, type StageProps } from "./stage";

export function InCall(props: StageProps) {
  const { state, phase, send } = props;
  useEffect(() => forgetChosen, []);
  return (
    <main class="in-call">
      <div class="call-body">
        <Stage {...props} />
      </div>
      <div class="under">
        <Problems state={state} send={send} />
        {phase.serverLost && (
          <p class="problems" role="status">
            <Icon name="alert" />
            <span class="problem-texts">{text("server_lost")}</span>
          </p>
        )}
        <SystemMuted />
        <CallControls state={state} phase={phase} send={send} />
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
