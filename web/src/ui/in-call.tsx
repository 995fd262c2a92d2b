import { useMemo } from "preact/hooks";
import type { RemoteTracks } from "../media/remote";
import { systemMuted } from "../media/takeover";
import type { AppState, InCall as InCallPhase, Input } from "../state";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { CallBadges } from "./call-badges";
import { CallControls, SpeakingMutedHint } from "./call-controls";
import { Icon } from "./icon";
import { Problems } from "./problems";
import { SelfView } from "./self-view";
import { useFocus } from "./use-focus";
import { Video } from "./video";

interface Props {
  state: AppState;
  phase: InCallPhase;
  remote: RemoteTracks;
  selfStream: MediaStream | null;
  send: (input: Input) => void;
}

export function InCall({ state, phase, remote, selfStream, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const name = nameOf(phase.user);
  const sources = phase.others[0]?.sources ?? [];
  const camera = sources.includes("camera");
  const tracks = remote.get(phase.others[0]?.participant_id ?? "");
  const [sound, picture] = [tracks?.microphone?.track, tracks?.camera?.track];
  const stream = useMemo(() => {
    const all = [sound, picture].filter((track) => track !== undefined);
    return all.length > 0 ? new MediaStream(all) : null;
  }, [sound, picture]);
  const reconnecting = phase.others[0]?.reconnecting ?? false;
  const note = reconnecting
    ? text("reconnecting", { name })
    : phase.path === null
      ? text("connecting")
      : camera
        ? null
        : text("camera_is_off");
  return (
    <main class="in-call">
      <div class="stage">
        <Video
          stream={stream}
          testId="remote-video"
          class="remote"
          label={name}
          hidden={!camera || phase.path === null}
        />
        {(!camera || phase.path === null) && (
          <div class="stage-avatar">
            <Avatar user={phase.user} pulse={phase.path === null} />
          </div>
        )}
        <div class="stage-top">
          <h1 class="name-tag" ref={heading} tabIndex={-1}>
            <span class="visually-hidden">{text("in_call", { name })}</span>
            <span aria-hidden="true">{name}</span>
            {phase.path !== null && !sources.includes("microphone") && (
              <span class="muted-mark" title={text("other_microphone_off", { name })}>
                <Icon name="micOff" />
                <span class="visually-hidden">{text("other_microphone_off", { name })}</span>
              </span>
            )}
          </h1>
          <CallBadges phase={phase} connection={state.connection} />
        </div>
        <p class={`stage-note ${note ? "" : "empty"}`} role="status">
          {note}
        </p>
        <SelfView stream={selfStream} microphoneOn={state.devices.microphone === "on"} />
        <SpeakingMutedHint send={send} />
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
