import { isContact } from "../sdk/core/people";
import type { AppState, Input, Phase } from "../sdk/core/state";
import { text } from "../texts";
import { Avatar, isGone, nameOf } from "./avatar";
import { formatDuration } from "./duration";
import { sentenceOf } from "./ended-sentence";
import { Icon } from "./icon";
import { openReport } from "./report/open-report";
import { useFocus } from "./use-focus";

interface Props {
  state: AppState;
  phase: Extract<Phase, { kind: "ended" }>;
  send: (input: Input) => void;
}

export function Ended({ state, phase, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const name = nameOf(phase.user);
  const { linkId, callId } = phase;
  // Known once the server has kept it.
  const hasReport = state.history?.rows.some((row) => row.call_id === callId && row.report) ?? false;
  const { user } = phase;
  const isOwn = user.user_id === state.me?.userId;
  const mayKeep = state.people !== null && user.user_id !== "" && !isOwn && !isGone(user);
  const isRoom = phase.callId === null && phase.reason !== "unreachable";
  return (
    <main class="center-page" data-testid="ended" data-reason={phase.reason}>
      {isRoom && phase.user.user_id === "" ? (
        <div class="avatar hue-7" aria-hidden="true">
          <Icon name="door" />
        </div>
      ) : (
        <Avatar user={phase.user} />
      )}
      <h1 ref={heading} tabIndex={-1}>
        {text(sentenceOf(phase), { name })}
      </h1>
      {phase.reason === "unreachable" && (
        <p class="faint">{text(isOwn ? "ended_unreachable_own" : "ended_unreachable_hint")}</p>
      )}
      {(phase.reason === "removed" || phase.reason === "refused") && (
        <p class="faint">{text(`ended_${phase.reason}_hint`)}</p>
      )}
      {phase.durationMs > 0 && (
        <p class="faint">
          {text("duration")} {formatDuration(phase.durationMs)}
        </p>
      )}
      <div class="row wrap ended-more">
        {hasReport && callId !== null && (
          <button type="button" class="plain" data-testid="ended-report" onClick={() => openReport(send, callId)}>
            <Icon name="gauge" />
            {text("report_open")}
          </button>
        )}
        {mayKeep && !isContact(state, user.user_id) && (
          <button
            type="button"
            class="plain"
            data-testid="add-contact"
            onClick={() => send({ kind: "keep_contact", userId: user.user_id, name: user.name })}
          >
            <Icon name="userPlus" />
            {text("contact_add")}
          </button>
        )}
      </div>
      <div class="row big-row">
        <button type="button" class="quiet big" data-testid="back-home" onClick={() => send({ kind: "home" })}>
          <Icon name="arrowLeft" />
          {text("back_home")}
        </button>
        {linkId !== null && phase.reason !== "closed" && (
          <button type="button" class="go big" data-testid="rejoin" onClick={() => send({ kind: "open_link", linkId })}>
            <Icon name="logIn" />
            {text("rejoin")}
          </button>
        )}
        {linkId === null && phase.user.user_id !== "" && phase.reason !== "answered_elsewhere" && (
          <button type="button" class="go big" data-testid="call-again" onClick={() => send({ kind: "call_again" })}>
            <Icon name="phone" />
            {text(phase.direction === "outgoing" ? "call_again" : "call_back")}
          </button>
        )}
      </div>
    </main>
  );
}
