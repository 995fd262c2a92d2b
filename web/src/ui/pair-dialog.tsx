import { useEffect, useState } from "preact/hooks";
import { type Pairer, pairLink, parseCode, shown, taken } from "../pairing";
import type { AppState } from "../sdk/core/state";
import { language, text } from "../texts";
import { nameOf } from "./avatar";
import { CopyButton } from "./copy-button";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";
import { Qr } from "./qr";

const close = () => {
  openDialog.value = null;
};

/** Shows a code by which another device becomes this user's too. */
export function PairDialog({ pairer }: { pairer: Pick<Pairer, "show" | "hide"> }) {
  useEffect(() => {
    if (shown.value === null) pairer.show();
    return () => pairer.hide();
  }, [pairer]);
  return (
    <Dialog id="pair-dialog" title={text("pair")}>
      <PairBody pairer={pairer} />
    </Dialog>
  );
}

function PairBody({ pairer }: { pairer: Pick<Pairer, "show"> }) {
  const now = shown.value;
  switch (now?.kind) {
    case "code": {
      const link = pairLink(location.origin, now.code);
      const time = new Date(now.until).toLocaleTimeString(language.value, { hour: "2-digit", minute: "2-digit" });
      return (
        <>
          <p>{text("pair_hint")}</p>
          <div class="me-link">
            <figure>
              <Qr value={link} alt={text("pair_qr")} />
            </figure>
            <div class="stack">
              <span class="label">{text("pair_code")}</span>
              <span class="my-id mono" data-testid="pair-code">
                {now.code}
              </span>
              <p class="faint small">{text("pair_until", { time })}</p>
              <div class="row wrap">
                <CopyButton label={text("copy_link")} value={link} />
                <button type="button" class="quiet" data-testid="cancel-pairing" onClick={close}>
                  {text("cancel")}
                </button>
              </div>
            </div>
          </div>
          <p class="faint small">{text("pair_warning")}</p>
        </>
      );
    }
    case "used":
      return (
        <>
          <p role="status" data-testid="pair-used">
            {text("pair_used", { device: now.device || text("pair_some_device") })}
          </p>
          <div class="row wrap">
            <button type="button" class="primary" onClick={close}>
              {text("close")}
            </button>
          </div>
        </>
      );
    case "over":
    case "failed":
      return (
        <>
          <p role="status" data-testid="pair-over">
            {text(now.kind === "over" ? "pair_over" : now.problem)}
          </p>
          <div class="row wrap">
            <button type="button" class="quiet" onClick={close}>
              {text("close")}
            </button>
            <button type="button" class="primary" data-testid="pair-again" onClick={() => pairer.show()}>
              {text("pair_again")}
            </button>
          </div>
        </>
      );
    default:
      return (
        <p class="faint" aria-live="polite">
          {text("pair_asking")}
        </p>
      );
  }
}

/** Takes the id of another device over, by the code that it shows. */
export function TakePairingDialog({ state, pairer }: { state: AppState; pairer: Pick<Pairer, "look" | "take"> }) {
  useEffect(() => {
    if (taken.value === null) taken.value = { kind: "typing", problem: null };
    return () => {
      taken.value = null;
    };
  }, []);
  const now = taken.value;
  return (
    <Dialog id="take-pairing-dialog" title={text("take_pairing")}>
      {now?.kind === "seen" || now?.kind === "taking" ? (
        <>
          <p data-testid="pairing-seen">{text("take_pairing_ask", { name: nameOf(now.user), id: now.user.user_id })}</p>
          {state.me !== null && <p class="faint">{text("take_pairing_before", { id: state.me.userId })}</p>}
          <div class="row wrap">
            <button type="button" class="quiet" onClick={close}>
              {text("cancel")}
            </button>
            <button
              type="button"
              class="primary"
              data-testid="use-pairing"
              disabled={now.kind === "taking"}
              onClick={() => pairer.take()}
            >
              <Icon name="userCheck" />
              {text("take_pairing_confirm")}
            </button>
          </div>
        </>
      ) : (
        <CodeForm pairer={pairer} />
      )}
    </Dialog>
  );
}

function CodeForm({ pairer }: { pairer: Pick<Pairer, "look"> }) {
  const now = taken.value;
  const [typed, setTyped] = useState(now?.kind === "looking" ? now.code : "");
  const [wrong, setWrong] = useState(false);
  const problem = now?.kind === "typing" ? now.problem : null;
  const fault = wrong ? text("pair_code_wrong") : problem === null ? null : text(problem);
  const submit = (event: Event) => {
    event.preventDefault();
    const code = parseCode(typed);
    setWrong(code === null);
    if (code !== null) pairer.look(code);
  };
  return (
    <form class="stack" onSubmit={submit} noValidate>
      <label for="pair-input">{text("take_pairing_code")}</label>
      <div class="field-row">
        <input
          id="pair-input"
          data-testid="pair-input"
          class="mono"
          value={typed}
          placeholder="k7mq2-xwd9h"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          enterkeyhint="go"
          aria-invalid={fault !== null}
          aria-describedby={fault === null ? "pair-input-hint" : "pair-wrong"}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setWrong(false);
          }}
        />
        <button type="submit" class="primary" data-testid="look-at-pairing" disabled={now?.kind === "looking"}>
          {text("take_pairing_look")}
        </button>
      </div>
      {fault === null ? (
        <p id="pair-input-hint" class="faint small">
          {text("take_pairing_hint")}
        </p>
      ) : (
        <p id="pair-wrong" class="wrong" role="alert" data-testid="pair-wrong">
          {fault}
        </p>
      )}
    </form>
  );
}

/** Where users are only an id: the two ways to have one on several devices. */
export function PairButtons() {
  return (
    <>
      <button
        type="button"
        class="quiet"
        data-testid="pair"
        onClick={() => {
          openDialog.value = "pair";
        }}
      >
        <Icon name="devices" />
        {text("pair")}
      </button>
      <button
        type="button"
        class="quiet"
        data-testid="take-pairing"
        onClick={() => {
          openDialog.value = "take_pairing";
        }}
      >
        <Icon name="logIn" />
        {text("take_pairing")}
      </button>
    </>
  );
}
