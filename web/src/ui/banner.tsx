import type { AppState } from "../sdk/core/state";
import { text } from "../texts";
import { Icon } from "./icon";

export function Banner({ state }: { state: AppState }) {
  if (state.connection === "up" || state.connection === "starting") return null;
  const inCall = state.phase.kind === "in_call";
  if (state.connection === "signed_out" && !inCall) return null;
  const key = inCall ? "banner_down_in_call" : state.connection === "stopping" ? "banner_stopping" : "banner_down";
  return (
    <div class="banner" role="status" data-testid="connection-banner">
      <Icon name="wifiOff" />
      {text(key)}
    </div>
  );
}
