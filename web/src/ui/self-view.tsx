import { useRef } from "preact/hooks";
import { changeSettings, settings } from "../settings";
import { text } from "../texts";
import { Bubbles } from "./bubbles";
import { cornerByKey, nearestCorner } from "./corners";
import { Icon } from "./icon";
import type { Person } from "./people";
import { Video } from "./video";

interface Props {
  stream: MediaStream | null;
  person: Person;
}

/** The own picture. It can be dragged, or moved by the arrow keys, and snaps to the nearest corner. */
export function SelfView({ stream, person }: Props) {
  const ref = useRef<HTMLDivElement>(null);
  const from = useRef<{ x: number; y: number } | null>(null);
  const { corner } = settings.value;

  const grab = (event: PointerEvent) => {
    if (event.button !== 0) return;
    from.current = { x: event.clientX, y: event.clientY };
    ref.current?.setPointerCapture(event.pointerId);
  };
  const drag = (event: PointerEvent) => {
    if (from.current === null || ref.current === null) return;
    ref.current.classList.add("dragged");
    ref.current.style.translate = `${event.clientX - from.current.x}px ${event.clientY - from.current.y}px`;
  };
  const drop = () => {
    const self = ref.current;
    const stage = self?.parentElement;
    if (from.current === null || !self || !stage) return;
    from.current = null;
    const inner = self.getBoundingClientRect();
    const outer = stage.getBoundingClientRect();
    self.classList.remove("dragged");
    self.style.translate = "";
    const x = inner.left + inner.width / 2 - outer.left;
    const y = inner.top + inner.height / 2 - outer.top;
    changeSettings({ corner: nearestCorner(x, y, outer.width, outer.height) });
  };
  const move = (event: KeyboardEvent) => {
    const to = cornerByKey(corner, event.key);
    if (to === null) return;
    event.preventDefault();
    changeSettings({ corner: to });
  };

  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields.
    <div
      ref={ref}
      class={`self ${corner} ${stream ? "" : "self-off"}`}
      data-testid="self"
      data-corner={corner}
      role="group"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved by the arrow keys.
      tabIndex={0}
      aria-label={text("self_view")}
      onPointerDown={grab}
      onPointerMove={drag}
      onPointerUp={drop}
      onPointerCancel={drop}
      onKeyDown={move}
    >
      <Video stream={stream} testId="self-video" class="mirror" label={text("you")} muted hidden={!stream} />
      {!stream && <Icon name="videoOff" />}
      <span class="self-label">
        {!person.microphone && <Icon name="micOff" />}
        {person.hand !== null && <Icon name="hand" />}
        {text("you")}
      </span>
      <Bubbles person={person} />
    </div>
  );
}
