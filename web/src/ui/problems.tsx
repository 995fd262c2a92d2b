import type { AppState, Input } from "../state";
import { text } from "../texts";
import { Icon } from "./icon";

/** What is wrong and what to do about it, one line each. The call goes on meanwhile. */
export function Problems({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const { devices, refused, phase } = state;
  const codes = [...new Set([...(refused ? [refused] : []), ...devices.problems])];
  if (codes.length === 0) return null;
  const canRetry = devices.problems.length > 0 && !devices.problems.includes("insecure_context");
  const inCall = phase.kind !== "home" && phase.kind !== "ended" && devices.problems.length > 0;
  return (
    <div class="problems" role="alert">
      <Icon name="alert" />
      <div class="problem-texts">
        {codes.map((code) => (
          <p key={code} data-testid="problem" data-code={code}>
            {text(code)}
          </p>
        ))}
        {inCall && <p class="faint">{text("call_goes_on")}</p>}
      </div>
      <div class="problem-buttons">
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
