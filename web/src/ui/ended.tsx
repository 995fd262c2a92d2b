import { assertNever } from "../assert";
import type { Input, Phase } from "../state";
import { type TextKey, text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { formatDuration } from "./duration";
import { Icon } from "./icon";
import { useFocus } from "./use-focus";

type EndedPhase = Extract<Phase, { kind: "ended" }>;

interface Props {
  phase: EndedPhase;
  canCall: boolean;
  send: (input: Input) => void;
}

export function Ended({ phase, canCall, send }: Props) {
  const heading = useFocus<HTMLHeadingElement>();
  const name = nameOf(phase.user);
  return (
    <main class="center-page" data-testid="ended" data-reason={phase.reason}>
      <Avatar user={phase.user} />
      <h1 ref={heading} tabIndex={-1}>
        {text(sentenceOf(phase), { name })}
      </h1>
      {phase.reason === "unreachable" && <p class="faint">{text("ended_unreachable_hint")}</p>}
      {phase.durationMs > 0 && (
        <p class="faint">
          {text("duration")} {formatDuration(phase.durationMs)}
        </p>
      )}
      <div class="row big-row">
        <button type="button" class="quiet big" data-testid="back-home" onClick={() => send({ kind: "home" })}>
          <Icon name="arrowLeft" />
          {text("back_home")}
        </button>
        {phase.reason !== "answered_elsewhere" && (
          <button
            type="button"
            class="go big"
            data-testid="call-again"
            disabled={!canCall}
            onClick={() => send({ kind: "call_again" })}
          >
            <Icon name="phone" />
            {text(phase.direction === "outgoing" ? "call_again" : "call_back")}
          </button>
        )}
      </div>
    </main>
  );
}

/** Seen from this side: the same reason reads differently to who rang and to who was rung. */
function sentenceOf({ reason, direction, byMe }: EndedPhase): TextKey {
  switch (reason) {
    case "declined":
      return direction === "incoming" ? "ended_declined_by_me" : "ended_declined";
    case "busy":
      return "ended_busy";
    case "no_answer":
      return direction === "incoming" ? "ended_missed" : "ended_no_answer";
    case "cancelled":
      return direction === "incoming" ? "ended_cancelled_by_other" : "ended_cancelled";
    case "hung_up":
      return byMe ? "ended_hung_up_by_me" : "ended_hung_up";
    case "connection_lost":
      return "ended_connection_lost";
    case "unreachable":
      return "ended_unreachable";
    case "answered_elsewhere":
      return "ended_answered_elsewhere";
    default:
      return assertNever(reason);
  }
}
