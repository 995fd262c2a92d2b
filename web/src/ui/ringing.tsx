/** Both sides of a call that is not answered yet. */

import type { AppState, Input, Phase } from "../sdk/core/state";
import type { UserInfo } from "../sdk/protocol";
import { settings } from "../settings";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { DeviceButtons } from "./device-buttons";
import { Icon } from "./icon";
import { Problems } from "./problems";
import { useFocus } from "./use-focus";
import { Video } from "./video";

type Send = (input: Input) => void;

interface CallingProps {
  state: AppState;
  phase: Extract<Phase, { kind: "calling" }>;
  selfStream: MediaStream | null;
  send: Send;
}

export function Calling({ state, phase, selfStream, send }: CallingProps) {
  const heading = useFocus<HTMLHeadingElement>();
  const user = phase.user ?? { user_id: phase.userId, name: "" };
  return (
    <main class="center-page">
      <Problems state={state} send={send} />
      <Avatar user={user} pulse />
      <h1 ref={heading} tabIndex={-1}>
        {text(phase.callId === null ? "calling" : "ringing", { name: nameOf(user) })}
      </h1>
      {user.name && <p class="faint mono">{user.user_id}</p>}
      <div class={`preview ${selfStream ? "" : "preview-empty"}`}>
        <Video stream={selfStream} testId="self-video" class="mirror" label={text("you")} muted hidden={!selfStream} />
      </div>
      <div class="row big-row waiting-row">
        <DeviceButtons state={state} send={send} />
        <button type="button" class="stop big" data-testid="cancel" onClick={() => send({ kind: "cancel" })}>
          <Icon name="phoneOff" />
          {text("cancel")}
        </button>
      </div>
    </main>
  );
}

interface IncomingProps {
  phase: Extract<Phase, { kind: "incoming" }>;
  send: Send;
}

export function Incoming({ phase, send }: IncomingProps) {
  // The heading, not the button: who is typing when it rings must not answer with the next Enter.
  const heading = useFocus<HTMLHeadingElement>();
  const answering = phase.answeredAt !== null;
  const { cameraOff } = settings.value;
  return (
    <main class="center-page" data-testid="incoming">
      <Avatar user={phase.user} pulse />
      <h1 ref={heading} tabIndex={-1}>
        {text("incoming", { name: nameOf(phase.user) })}
      </h1>
      {phase.user.name && <p class="faint mono">{phase.user.user_id}</p>}
      <p class="faint">{text(cameraOff ? "incoming_hint_no_camera" : "incoming_hint")}</p>
      <div class="row big-row">
        <button
          type="button"
          class="stop big"
          data-testid="decline"
          disabled={answering}
          onClick={() => send({ kind: "decline" })}
        >
          <Icon name="phoneOff" />
          {text("decline")}
        </button>
        <button
          type="button"
          class="go big"
          data-testid="answer"
          disabled={answering}
          onClick={() => send({ kind: "answer" })}
        >
          <Icon name="phone" />
          {text(answering ? "answering" : "answer")}
        </button>
      </div>
      <button
        type="button"
        class="plain"
        data-testid="answer-otherwise"
        disabled={answering}
        onClick={() => send({ kind: "answer", camera: cameraOff })}
      >
        <Icon name={cameraOff ? "video" : "videoOff"} />
        {text(cameraOff ? "answer_with_camera" : "answer_without_camera")}
      </button>
    </main>
  );
}

/** Instead of the page above when no disturbance is wanted, or another page is: nothing moves, nothing takes the focus. */
export function QuietIncoming({ user, send }: { user: UserInfo; send: Send }) {
  return (
    <section class="quiet-incoming" role="status" data-testid="incoming">
      <Icon name="moon" />
      <p>{text("incoming", { name: nameOf(user) })}</p>
      <div class="row">
        <button type="button" class="stop" data-testid="decline" onClick={() => send({ kind: "decline" })}>
          <Icon name="phoneOff" />
          {text("decline")}
        </button>
        <button type="button" class="go" data-testid="answer" onClick={() => send({ kind: "answer" })}>
          <Icon name="phone" />
          {text("answer")}
        </button>
      </div>
    </section>
  );
}
