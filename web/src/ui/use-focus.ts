import { useEffect, useRef } from "preact/hooks";

/** Puts the focus on the heading of a page that has just come up, so that screen readers read it and Tab starts there. */
export function useFocus<T extends HTMLElement>() {
  const ref = useRef<T>(null);
  useEffect(() => ref.current?.focus({ preventScroll: true }), []);
  return ref;
}
