import type { AppState, DeviceProblem, Input } from "../sdk/core/state";
import type { ErrorCode } from "../sdk/protocol";
import { text } from "../texts";
import { browserOf } from "./browser";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";

type Code = DeviceProblem | ErrorCode;

/** What is wrong and what to do about it, one line each. The call goes on meanwhile. */
export function Problems({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const { devices, refused, phase } = state;
  const codes = [...new Set<Code>([...(refused ? [refused] : []), ...devices.problems])];
  if (codes.length === 0) return null;
  const canRetry = devices.problems.length > 0 && !devices.problems.includes("insecure_context");
  const canChoose = phase.kind === "in_call" && devices.problems.some((code) => code.endsWith("_in_use"));
  const inCall = phase.kind !== "home" && phase.kind !== "ended" && devices.problems.length > 0;
  return (
    <div class="problems" role="alert">
      <Icon name="alert" />
      <ProblemTexts codes={codes} callGoesOn={inCall} keptOut={state.connection !== "up"} />
      <div class="problem-buttons">
        {canChoose && (
          <button
            type="button"
            class="quiet"
            onClick={() => {
              openDialog.value = "devices";
            }}
          >
            {text("choose_another")}
          </button>
        )}
        {canRetry && (
          <button type="button" class="quiet" onClick={() => send({ kind: "retry_devices" })}>
            {text("try_again")}
          </button>
        )}
        <button
          type="button"
          class="quiet icon-only"
          aria-label={text("dismiss")}
          onClick={() => send({ kind: "dismiss_problems" })}
        >
          <Icon name="close" />
        </button>
      </div>
    </div>
  );
}

/** The sentences, each with the way out that there is from this browser. */
export function ProblemTexts({
  codes,
  callGoesOn = false,
  keptOut = false,
}: {
  codes: Code[];
  callGoesOn?: boolean;
  /** The server has not let this page in. */
  keptOut?: boolean;
}) {
  return (
    <div class="problem-texts">
      {codes.map((code) => (
        <p key={code} data-testid="problem" data-code={code}>
          {text(keptOut && code === "not_allowed" ? "not_allowed_in" : code)}
        </p>
      ))}
      {codes.some((code) => code.endsWith("_denied")) && (
        <p>
          <DeniedHelp />
        </p>
      )}
      {codes.includes("insecure_context") && (
        <p>
          <a href={`https://${location.host}${location.pathname}${location.search}`}>{text("open_with_https")}</a>{" "}
          {text("insecure_way_out")}
        </p>
      )}
      {callGoesOn && <p class="faint">{text("call_goes_on")}</p>}
    </div>
  );
}

/** How the block is taken away in this browser. */
export function DeniedHelp() {
  return <>{text(`denied_${browserOf(navigator.userAgent)}`)}</>;
}
