import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { text } from "../texts";
import { Icon } from "./icon";
import { isNarrow } from "./narrow";
import { openDialog } from "./open-dialog";
import { Toasts } from "./toasts";

interface Props {
  id: string;
  title: string;
  /** Takes the focus in place of the button that closes it. */
  focus?: string;
  children: ComponentChildren;
}

/** A modal dialog while it is rendered. The browser keeps the focus inside, gives it back after, and closes it on Escape. */
export function Dialog({ id, title, focus, children }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // On a phone a keyboard would cover what the dialog says.
    if (focus !== undefined && !isNarrow.value) dialog?.querySelector<HTMLElement>(focus)?.focus();
    return () => dialog?.close();
  }, []);
  const close = () => {
    openDialog.value = null;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click is one beside the dialog; by keyboard there is Escape.
    <dialog
      ref={ref}
      class="dialog"
      data-testid={id}
      aria-labelledby={`${id}-title`}
      onClose={close}
      onClick={(event) => event.target === ref.current && close()}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={`${id}-title`}>{title}</h2>
          <button type="button" class="quiet icon-only" aria-label={text("close")} onClick={close}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
      <Toasts />
    </dialog>
  );
}
