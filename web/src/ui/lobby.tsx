import type { AppState, Input, Phase } from "../sdk/core/state";
import { text } from "../texts";
import { DeviceButtons } from "./device-buttons";
import { Icon } from "./icon";
import { Problems } from "./problems";
import { useFocus } from "./use-focus";
import { Video } from "./video";

interface Props {
  state: AppState;
  phase: Extract<Phase, { kind: "lobby" }>;
  selfStream: MediaStream | null;
  send: (input: Input) => void;
}

/** Until a host opens the door. */
export function Lobby({ state, phase, selfStream, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const { name } = phase.room;
  return (
    <main class="center-page" data-testid="lobby">
      <Problems state={state} send={send} />
      <div class="avatar hue-7 pulse" aria-hidden="true">
        <Icon name="clock" />
      </div>
      <h1 ref={heading} tabIndex={-1}>
        {name ? text("lobby_waiting_named", { name }) : text("lobby_waiting")}
      </h1>
      <p class="faint">{text("lobby_waiting_hint")}</p>
      <div class={`preview ${selfStream ? "" : "preview-empty"}`}>
        <Video stream={selfStream} testId="self-video" class="mirror" label={text("you")} muted hidden={!selfStream} />
      </div>
      <div class="row big-row waiting-row">
        <DeviceButtons state={state} send={send} />
        <button type="button" class="stop big" data-testid="leave-lobby" onClick={() => send({ kind: "hang_up" })}>
          <Icon name="phoneOff" />
          {text("leave_lobby")}
        </button>
      </div>
    </main>
  );
}
