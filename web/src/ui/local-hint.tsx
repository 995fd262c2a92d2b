import { text } from "../texts";

/** Whether the page's own address is one that only this computer understands. */
export function isLocal(hostname = location.hostname): boolean {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** A link or a QR code of such an address is no use to anybody else. */
export function LocalHint() {
  if (!isLocal()) return null;
  return (
    <p class="faint small local-hint" data-testid="local-hint">
      {text("local_hint")}
    </p>
  );
}
