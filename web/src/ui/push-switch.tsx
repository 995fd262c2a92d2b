import { notifyPermission } from "../notify";
import { type PushState, push, turnPushOff, turnPushOn } from "../push";
import { type TextKey, text } from "../texts";
import { Switch } from "./home-settings";

const HINTS: Record<PushState, TextKey> = {
  unsupported: "push_unsupported",
  off: "push_hint",
  asking: "push_asking",
  on: "push_hint",
  failed: "push_failed",
};

/** Whether this browser shows what was missed while the page is closed. The browser is asked by the switch alone. */
export function PushSwitch() {
  const isBlocked = notifyPermission.value === "denied";
  const is = push.value;
  return (
    <Switch
      testId="push"
      on={is === "on" && !isBlocked}
      label={text("push")}
      hint={text(isBlocked ? "push_denied" : HINTS[is])}
      disabled={is === "unsupported" || is === "asking" || (isBlocked && is !== "on")}
      onChange={(on) => void (on ? turnPushOn() : turnPushOff())}
    />
  );
}
