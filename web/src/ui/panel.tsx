import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { text } from "../texts";
import type { DropHandlers } from "./attachments";
import { Icon } from "./icon";
import { openPanel } from "./open-panel";

interface Props extends Partial<DropHandlers> {
  testId: string;
  title: string;
  class?: string;
  /** Takes the focus in place of the button that closes it. */
  focus?: string;
  children: ComponentChildren;
}

/** Beside the stage; on a phone over it. Escape closes it. */
export function Panel({ testId, title, class: className = "", focus, children, ...more }: Props) {
  const panel = useRef<HTMLElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const wanted = focus === undefined ? null : panel.current?.querySelector<HTMLElement>(focus);
    (wanted ?? close.current)?.focus({ preventScroll: true });
    // Back to the button, unless something else was taken up meanwhile.
    return () => {
      if (before instanceof HTMLElement && document.activeElement === document.body) before.focus();
    };
  }, [focus]);
  return (
    <aside
      {...more}
      ref={panel}
      class={`panel ${className}`}
      data-testid={testId}
      aria-labelledby="panel-title"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        openPanel.value = null;
      }}
    >
      <div class="dialog-head">
        <h2 id="panel-title">{title}</h2>
        <button
          ref={close}
          type="button"
          class="plain icon-only"
          data-testid="close-panel"
          aria-label={text("close")}
          onClick={() => {
            openPanel.value = null;
          }}
        >
          <Icon name="close" />
        </button>
      </div>
      {children}
    </aside>
  );
}
