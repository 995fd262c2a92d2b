import type { AppState } from "../sdk/core/state";
import { type TextKey, text } from "../texts";
import { Icon } from "./icon";

export function Banner({ state }: { state: AppState }) {
  if (state.connection === "up" || state.connection === "starting") return null;
  if (state.connection === "signed_out" && state.phase.kind !== "in_call") return null;
  return (
    <div class="banner" role="status" data-testid="connection-banner">
      <Icon name="wifiOff" />
      {text(wordsOf(state))}
    </div>
  );
}

/** In a call it depends on where sound and picture go. */
function wordsOf({ phase, connection }: AppState): TextKey {
  const isStopping = connection === "stopping";
  if (phase.kind !== "in_call" || phase.path === null) return isStopping ? "banner_stopping" : "banner_down";
  if (isStopping) return "banner_stopping_in_call";
  return phase.path === "direct" ? "banner_down_direct" : "banner_down_forwarded";
}
