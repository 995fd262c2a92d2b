import { useEffect, useRef, useState } from "preact/hooks";
import { announcement } from "../announce";
import type { AppState } from "../sdk/core/state";

/** The region is always there: screen readers read only what changes in one that they know. */
export function Announcer({ state }: { state: AppState }) {
  const before = useRef(state);
  const [words, setWords] = useState("");
  useEffect(() => {
    const said = announcement(before.current, state);
    before.current = state;
    if (said !== null) setWords(said);
  }, [state]);
  return (
    <p class="visually-hidden" aria-live="polite" data-testid="announcer">
      {words}
    </p>
  );
}
