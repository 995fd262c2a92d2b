import { useEffect, useRef } from "preact/hooks";
import { type KeyAction, keyAction } from "../keys";
import { assertNever } from "../sdk/assert";
import type { AppState, Input, Phase } from "../sdk/core/state";
import { settings } from "../settings";
import { page, toggleMode } from "./layout/chosen";
import { canChooseLayout, hasFocus } from "./layout/use-arrangement";
import { openDialog } from "./open-dialog";
import { togglePanel } from "./open-panel";
import { canShareScreen, isGroup } from "./room-buttons";
import { toggleFullscreen, togglePictureInPicture } from "./view-actions";

/** Listens to the keys of the whole page. `phase` is what the user sees, which a quiet call does not change. */
export function useKeys(phase: Phase["kind"], state: AppState, send: (input: Input) => void): void {
  const latest = useRef(state);
  latest.current = state;
  const shown = useRef({ phase, at: 0 });
  if (shown.current.phase !== phase) shown.current = { phase, at: performance.now() };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const { key, ctrlKey, altKey, metaKey, repeat, target } = event;
      const elsewhere = openDialog.value !== null || event.defaultPrevented || isField(target);
      const modified = ctrlKey || altKey || metaKey;
      const shownMs = performance.now() - shown.current.at;
      const action = keyAction(
        { key, modified, repeated: repeat, elsewhere },
        shown.current.phase,
        shownMs,
        settings.value.singleKeys,
      );
      if (action === null) return;
      event.preventDefault();
      run(action, latest.current, send);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [send]);
}

/** What takes keys itself: to be typed in, or to be scrolled. */
function isField(target: EventTarget | null): boolean {
  const fields = "input:not([type=checkbox]), select, textarea, [contenteditable], .messages";
  return target instanceof Element && target.matches(fields);
}

function run(action: KeyAction, { phase }: AppState, send: (input: Input) => void): void {
  switch (action) {
    case "microphone":
    case "camera":
      send({ kind: `toggle_${action}` });
      break;
    case "hang_up":
    case "cancel":
    case "answer":
    case "decline":
      send({ kind: action });
      break;
    case "fullscreen":
      toggleFullscreen();
      break;
    case "picture_in_picture":
      togglePictureInPicture();
      break;
    case "screen":
      if (canShareScreen()) send({ kind: "toggle_screen" });
      break;
    case "hand":
      if (phase.kind === "in_call" && isGroup(phase)) send({ kind: "raise_hand", raised: phase.me.hand === null });
      break;
    case "layout":
      if (phase.kind === "in_call" && canChooseLayout(phase)) toggleMode(hasFocus(phase));
      break;
    case "participants":
      togglePanel("participants");
      break;
    case "chat":
      togglePanel("chat");
      break;
    case "add_person":
      openDialog.value = "add";
      break;
    // Past the last one nothing happens: the stage brings the number back.
    case "previous_page":
      page.value = Math.max(0, page.value - 1);
      break;
    case "next_page":
      page.value += 1;
      break;
    case "help":
      openDialog.value = "help";
      break;
    default:
      assertNever(action);
  }
}
