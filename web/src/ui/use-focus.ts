import { useEffect, useRef } from "preact/hooks";

let pages = 0;

/**
 * Puts the focus on the heading of a page that has just come up, so that screen readers read it and Tab starts there. Not on the
 * first one: a page that is being loaded is read from its top anyway.
 */
export function useFocus<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  useEffect(() => {
    pages += 1;
    if (pages > 1) ref.current?.focus({ preventScroll: true });
  }, []);
  return ref;
}
