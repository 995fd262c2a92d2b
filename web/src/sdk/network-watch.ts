/** Hears from the browser that its network may be another one. */

/** Not in every browser, and `type` not on every system. */
interface NetworkInformation extends EventTarget {
  type?: string;
}

/** `changed`: it surely is; otherwise only some figure of it is, and a look does no harm. */
export function watchNetwork(heard: (changed: boolean) => void): void {
  addEventListener("online", () => heard(true));
  const { connection } = navigator as Navigator & { connection?: NetworkInformation };
  let type = connection?.type;
  connection?.addEventListener("change", () => {
    const changed = connection.type !== type;
    type = connection.type;
    // Without a network there is nothing to look for: `online` follows.
    if (navigator.onLine) heard(changed);
  });
}
