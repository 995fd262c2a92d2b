import type { ComponentChildren } from "preact";
import { settings } from "../settings";
import { Icon, type IconName } from "./icon";

interface Props {
  testId: string;
  icon: IconName;
  label: string;
  class?: string;
  /** What presses it on a keyboard. */
  hotkey?: string;
  state?: string;
  pressed?: boolean;
  expanded?: boolean;
  disabled?: boolean;
  children?: ComponentChildren;
  onClick: () => void;
}

/** A button of the call that is an icon only. Who rests on it with the pointer reads its words and its key. */
export function RoundButton(props: Props) {
  const { testId, icon, label, hotkey, state, pressed, expanded, disabled, children, onClick } = props;
  const key = settings.value.singleKeys ? hotkey : undefined;
  return (
    <button
      type="button"
      class={props.class ?? "round"}
      data-testid={testId}
      data-state={state}
      aria-label={label}
      title={key ? `${label} (${key})` : label}
      aria-keyshortcuts={key}
      aria-pressed={pressed}
      aria-expanded={expanded}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
      {children}
    </button>
  );
}
