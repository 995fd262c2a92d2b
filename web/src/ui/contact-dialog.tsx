import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { AppState, Input } from "../sdk/core/state";
import type { UserInfo } from "../sdk/protocol";
import { parseUserId } from "../sdk/user-id";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { openDialog } from "./open-dialog";

/** The contact that gets another name; null: one that is new. */
export const edited = signal<UserInfo | null>(null);

const WRONG = { unknown: "call_input_wrong", mine: "contact_is_me" } as const;

/** A contact: whose id, and what the user calls them. */
export function ContactDialog({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const before = edited.value;
  const [id, setId] = useState(before?.user_id ?? "");
  const [name, setName] = useState(before?.name ?? "");
  const [wrong, setWrong] = useState<keyof typeof WRONG | null>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    const userId = parseUserId(id);
    const fault = userId === null ? "unknown" : userId === state.me?.userId ? "mine" : null;
    setWrong(fault);
    if (userId === null || fault !== null) return;
    send({ kind: "keep_contact", userId, name });
    openDialog.value = null;
  };
  return (
    <Dialog
      id="contact-dialog"
      title={text(before === null ? "contact_add" : "contact_rename")}
      focus={before === null ? "#contact-id" : "#contact-name"}
    >
      <form class="contact-form" onSubmit={submit} noValidate>
        <div class="stack">
          <label for="contact-id">{text("contact_id")}</label>
          <input
            id="contact-id"
            data-testid="contact-id"
            class="mono"
            value={id}
            readOnly={before !== null}
            placeholder={text("call_input_placeholder")}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            aria-invalid={wrong !== null}
            aria-describedby={wrong === null ? undefined : "contact-wrong"}
            onInput={(event) => {
              setId(event.currentTarget.value);
              setWrong(null);
            }}
          />
          {wrong !== null && (
            <p id="contact-wrong" class="wrong" role="alert">
              {text(WRONG[wrong])}
            </p>
          )}
        </div>
        <div class="stack">
          <label for="contact-name">{text("contact_name")}</label>
          <input
            id="contact-name"
            data-testid="contact-name"
            value={name}
            maxLength={64}
            autocomplete="off"
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </div>
        <p class="faint small">{text("contact_add_hint")}</p>
        <div class="row">
          <button type="submit" class="go" data-testid="save-contact">
            {text("contact_save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
