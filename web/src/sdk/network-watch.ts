/** Hears from the browser that its network may be another one. */

/** Not in every browser, and `type` not on every system. */
interface NetworkInformation extends EventTarget {
  type?: string;
}

/** `changed`: it surely is; otherwise only some figure of it is, and a look does no harm. Until `end`. */
export function watchNetwork(heard: (changed: boolean) => void, end: AbortSignal): void {
  addEventListener("online", () => heard(true), { signal: end });
  const { connection } = navigator as Navigator & { connection?: NetworkInformation };
  let type = connection?.type;
  const look = () => {
    const changed = connection?.type !== type;
    type = connection?.type;
    // Without a network there is nothing to look for: `online` follows.
    if (navigator.onLine) heard(changed);
  };
  connection?.addEventListener("change", look, { signal: end });
}
