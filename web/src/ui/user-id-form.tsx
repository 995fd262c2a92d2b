import { useState } from "preact/hooks";
import { parseLinkId, parseUserId } from "../sdk/user-id";
import { text } from "../texts";
import { Icon } from "./icon";

interface Props {
  /** Also the test ids of the two. */
  inputId: string;
  buttonId: string;
  label: string;
  action: string;
  typed?: string;
  onUserId: (userId: string) => void;
  /** Where a link into a room may be typed as well. */
  onLinkId?: (linkId: string) => void;
  /** Whether the field stays as it is. */
  keeps?: boolean;
}

/** An id or a call link, as people type and paste them. */
export function UserIdForm({
  inputId,
  buttonId,
  label,
  action,
  typed: first = "",
  onUserId,
  onLinkId,
  keeps = false,
}: Props) {
  const [typed, setTyped] = useState(first);
  const [wrong, setWrong] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    const linkId = typed.includes("/r/") ? parseLinkId(typed) : null;
    if (linkId !== null && onLinkId) {
      onLinkId(linkId);
      return;
    }
    const userId = parseUserId(typed);
    setWrong(userId === null);
    if (userId === null) return;
    onUserId(userId);
    if (!keeps) setTyped("");
  };
  return (
    <form class="stack" onSubmit={submit} noValidate>
      <label for={inputId}>{label}</label>
      <div class="field-row">
        <input
          id={inputId}
          data-testid={inputId}
          class="mono"
          value={typed}
          placeholder={text("call_input_placeholder")}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          enterkeyhint="go"
          aria-invalid={wrong}
          aria-describedby={wrong ? `${inputId}-wrong` : undefined}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setWrong(false);
          }}
        />
        <button type="submit" class="go" data-testid={buttonId}>
          <Icon name="phone" />
          {action}
        </button>
      </div>
      {wrong && (
        <p id={`${inputId}-wrong`} class="wrong" role="alert">
          {text("call_input_wrong")}
        </p>
      )}
    </form>
  );
}
