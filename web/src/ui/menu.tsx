import { type ComponentChildren, createContext } from "preact";
import { useContext, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icon";

interface Props {
  testId?: string;
  icon: IconName;
  label: string;
  class: string;
  /** In place of the icon alone. */
  children: ComponentChildren;
}

const Close = createContext<() => void>(() => {});
const MARGIN_PX = 8;

/** A button and what drops out of it. The browser closes it at a click beside it and on Escape, and lays it over everything. */
export function Menu({ testId, icon, label, class: className, children }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  useLayoutEffect(() => {
    if (!open || !button.current || !list.current) return;
    place(list.current, button.current);
    items(list.current)[0]?.focus();
  }, [open]);
  const move = (event: KeyboardEvent) => {
    const all = list.current ? items(list.current) : [];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 }[
      event.key
    ];
    if (to === undefined) return;
    event.preventDefault();
    all.at(to % all.length)?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={className}
        data-testid={testId}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        popoverTarget={id}
      >
        <Icon name={icon} />
      </button>
      <div
        ref={list}
        id={id}
        class="menu"
        popover="auto"
        role="menu"
        aria-label={label}
        tabIndex={-1}
        onToggle={(event) => setOpen(event.newState === "open")}
        onKeyDown={move}
      >
        <Close.Provider value={() => list.current?.hidePopover()}>{open && children}</Close.Provider>
      </div>
    </>
  );
}

interface ItemProps {
  testId?: string;
  icon?: IconName;
  label: string;
  /** Drawn in place of icon and label. */
  glyph?: string;
  grave?: boolean;
  onClick: () => void;
}

export function MenuItem({ testId, icon, label, glyph, grave = false, onClick }: ItemProps) {
  const close = useContext(Close);
  return (
    <button
      type="button"
      class={`menu-item ${glyph ? "glyph" : ""} ${grave ? "grave" : ""}`}
      data-testid={testId}
      role="menuitem"
      aria-label={glyph ? label : undefined}
      title={glyph ? label : undefined}
      onClick={() => {
        close();
        onClick();
      }}
    >
      {icon && <Icon name={icon} />}
      {glyph ? <span aria-hidden="true">{glyph}</span> : label}
    </button>
  );
}

function items(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>("[role=menuitem]")];
}

/** Above the button or below it, wherever there is room, and never over the edge. */
function place(list: HTMLElement, button: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const left = Math.min(Math.max(MARGIN_PX, at.left + at.width / 2 - width / 2), innerWidth - width - MARGIN_PX);
  const above = at.top - height - MARGIN_PX;
  const below = at.bottom + MARGIN_PX;
  const fitsBelow = below + height + MARGIN_PX <= innerHeight;
  const top = at.top > innerHeight / 2 ? Math.max(MARGIN_PX, above) : fitsBelow ? below : Math.max(MARGIN_PX, above);
  list.style.left = `${left}px`;
  list.style.top = `${top}px`;
}
