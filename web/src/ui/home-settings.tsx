import type { ComponentChildren } from "preact";
import { check } from "../media/check-run";
import { askToNotify, notifyPermission } from "../notify";
import { push } from "../push";
import type { AppState, Input } from "../sdk/core/state";
import { changeSettings, settings } from "../settings";
import { text } from "../texts";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";
import { PushSwitch } from "./push-switch";

interface Props {
  state: AppState;
  send: (input: Input) => void;
}

/** How calls go out and come in. */
export function HomeSettings({ state, send }: Props) {
  return (
    <>
      <Switch
        testId="always-through-server"
        on={state.alwaysThroughServer}
        label={text("always_through_server")}
        hint={text("always_through_server_hint")}
        onChange={(on) => send({ kind: "set_always_through_server", on })}
      />
      {state.people !== null && (
        <Switch
          testId="contacts-only"
          on={state.people.settings.callers === "contacts"}
          label={text("contacts_only")}
          hint={text("contacts_only_hint")}
          onChange={(on) => send({ kind: "set_contacts_only", on })}
        />
      )}
      <Switch
        testId="do-not-disturb"
        on={settings.value.doNotDisturb}
        label={text("do_not_disturb")}
        hint={text("do_not_disturb_hint")}
        onChange={(doNotDisturb) => changeSettings({ doNotDisturb })}
      />
      <PushSwitch />
      <div class="row wrap">
        <button
          type="button"
          class="quiet"
          data-testid="devices"
          onClick={() => {
            openDialog.value = "devices";
          }}
        >
          <Icon name="settings" />
          {text("devices")}
        </button>
        <button
          type="button"
          class="quiet"
          data-testid="check"
          onClick={() => {
            // A click asks for a new one.
            check.value = null;
            openDialog.value = "check";
          }}
        >
          <Icon name="gauge" />
          {text("check")}
        </button>
        <Notify />
      </div>
    </>
  );
}

function Notify() {
  switch (notifyPermission.value) {
    case "default":
      return (
        <button type="button" class="quiet" data-testid="notify" onClick={() => void askToNotify()}>
          <Icon name="bell" />
          {text("notify")}
        </button>
      );
    case "denied":
      // Else the switch says so.
      return push.value === "unsupported" ? <p class="faint small">{text("notify_denied")}</p> : null;
    default:
      return null;
  }
}

interface SwitchProps {
  testId: string;
  on: boolean;
  label: string;
  hint: ComponentChildren;
  disabled?: boolean;
  onChange: (on: boolean) => void;
}

export function Switch({ testId, on, label, hint, disabled = false, onChange }: SwitchProps) {
  return (
    <label class="switch-row">
      <input
        type="checkbox"
        class="switch"
        data-testid={testId}
        data-on={on}
        checked={on}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>
        {label}
        {hint && <small class="faint">{hint}</small>}
      </span>
    </label>
  );
}
