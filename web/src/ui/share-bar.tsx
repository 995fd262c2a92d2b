import type { Input } from "../sdk/core/state";
import { text } from "../texts";
import { Icon } from "./icon";
import { Video } from "./video";

/** What the others see of the own screen, so small that the screen may show this page. */
export function ShareBar({
  screen,
  sound,
  send,
}: {
  screen: MediaStream | null;
  sound: boolean;
  send: (input: Input) => void;
}) {
  return (
    <div class="share-bar" data-testid="share-bar">
      <div class="share-preview">
        <Video stream={screen} testId="screen-preview" class="" label={text("own_screen")} muted />
      </div>
      <p>
        {text("you_share")} {sound && <span class="faint">{text("you_share_sound")}</span>}
      </p>
      <button
        type="button"
        class="stop slim"
        data-testid="stop-sharing"
        aria-label={text("stop_sharing")}
        onClick={() => send({ kind: "toggle_screen" })}
      >
        <Icon name="screenShareOff" />
        {text("stop")}
      </button>
    </div>
  );
}
