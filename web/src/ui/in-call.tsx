import { assertNever } from "../assert";
import type { AppState, DeviceState, InCall as InCallPhase, Input } from "../state";
import { type TextKey, text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { Duration } from "./duration";
import { Icon, type IconName } from "./icon";
import { Problems } from "./problems";
import { useFocus } from "./use-focus";
import { Video } from "./video";

interface Props {
  state: AppState;
  phase: InCallPhase;
  remoteStream: MediaStream | null;
  selfStream: MediaStream | null;
  send: (input: Input) => void;
}

export function InCall({ state, phase, remoteStream, selfStream, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const name = nameOf(phase.user);
  const sources = phase.other?.sources ?? [];
  const camera = sources.includes("camera");
  const reconnecting = phase.other?.reconnecting ?? false;
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
          stream={remoteStream}
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
              <span class="muted-mark" title={text("other_muted", { name })}>
                <Icon name="micOff" />
                <span class="visually-hidden">{text("other_muted", { name })}</span>
              </span>
            )}
          </h1>
          <PathBadge phase={phase} />
        </div>
        <p class={`stage-note ${note ? "" : "empty"}`} role="status">
          {note}
        </p>
        <div class={`self ${selfStream ? "" : "self-off"}`}>
          <Video
            stream={selfStream}
            testId="self-video"
            class="mirror"
            label={text("you")}
            muted
            hidden={!selfStream}
          />
          {!selfStream && <Icon name="videoOff" />}
          <span class="self-label">
            {state.devices.microphone !== "on" && <Icon name="micOff" />}
            {text("you")}
          </span>
        </div>
      </div>
      <div class="under">
        <Problems state={state} send={send} />
        {phase.serverLost && (
          <p class="problems" role="status">
            <Icon name="alert" />
            {text("server_lost")}
          </p>
        )}
        <div class="controls">
          <Duration since={phase.since} />
          <div class="buttons">
            <DeviceButton device="microphone" state={state.devices.microphone} send={send} />
            <DeviceButton device="camera" state={state.devices.camera} send={send} />
            <button
              type="button"
              class="round stop wide"
              data-testid="hang-up"
              aria-label={text("hang_up")}
              title={text("hang_up")}
              onClick={() => send({ kind: "hang_up" })}
            >
              <Icon name="phoneOff" />
            </button>
          </div>
          <span class="controls-end" />
        </div>
      </div>
    </main>
  );
}

function PathBadge({ phase }: { phase: InCallPhase }) {
  const { path, roundTripMs } = phase;
  if (path === null) return <span />;
  const name = text(path === "direct" ? "path_direct" : "path_forwarded");
  const hint: TextKey =
    path === "direct" ? "path_direct_hint" : phase.alwaysThroughServer ? "path_always_hint" : "path_forwarded_hint";
  return (
    <span class="path" data-testid="path" data-path={path} title={text(hint)}>
      <Icon name={path === "direct" ? "zap" : "server"} />
      {roundTripMs === null ? name : text("path_round_trip", { path: name, ms: roundTripMs })}
    </span>
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
  const icon: IconName =
    device === "microphone" ? (state === "on" ? "mic" : "micOff") : state === "on" ? "video" : "videoOff";
  return (
    <button
      type="button"
      class={`round ${state === "off" ? "is-off" : ""} ${state === "none" ? "is-missing" : ""}`}
      data-testid={device === "microphone" ? "mute" : "camera"}
      data-state={state}
      aria-label={label}
      title={label}
      disabled={state === "opening"}
      onClick={() => send({ kind: device === "microphone" ? "toggle_microphone" : "toggle_camera" })}
    >
      <Icon name={icon} />
    </button>
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
