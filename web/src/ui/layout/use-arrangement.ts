import type { RefObject } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { InCall } from "../../sdk/core/state";
import type { Tile } from "../../sdk/protocol";
import { settings } from "../../settings";
import { useSize } from "../use-size";
import { type Arrangement, arrange, type Scene, viewOf } from "./arrange";
import { modeOf, override, page, pinned } from "./chosen";

/** Long enough for a window that is being drawn larger, short enough not to be waited for. */
const SETTLED_MS = 150;

/** Whether something asks to be seen large: then there is a choice even in a call of two. */
export function hasFocus(phase: InCall): boolean {
  return pinned.value !== null || phase.others.some((one) => one.sources.includes("screen"));
}

export function modeNow(phase: InCall): Scene["mode"] {
  return modeOf(settings.value.layout, hasFocus(phase), override.value);
}

/** Of one picture there is only one layout. */
export function canChooseLayout(phase: InCall): boolean {
  return phase.others.length > 1 || hasFocus(phase);
}

/** Where everything stands on a stage, kept up to date; and the server is told. */
export function useArrangement(
  stage: RefObject<HTMLElement | null>,
  phase: InCall,
  setView: (tiles: Tile[]) => void,
): Arrangement | null {
  const size = useSize(stage);
  const mode = modeNow(phase);
  const scene: Scene = {
    me: phase.me.participantId,
    others: phase.others,
    lastSpeaker: phase.lastSpeaker,
    mode,
    pinned: pinned.value,
    page: page.value,
  };
  const { me, others, lastSpeaker } = scene;
  const arrangement = useMemo(
    () => size && arrange(scene, size),
    [size, me, others, lastSpeaker, mode, pinned.value, page.value],
  );
  const said = useRef("");
  useEffect(() => {
    if (arrangement === null) return;
    const view = viewOf(arrangement, scene, devicePixelRatio);
    const key = JSON.stringify(view);
    if (key === said.current) return;
    const say = () => {
      said.current = key;
      setView(view);
    };
    if (said.current === "") {
      say();
      return;
    }
    const timer = setTimeout(say, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [arrangement, setView]);
  return arrangement;
}
