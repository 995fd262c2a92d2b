import { useState } from "preact/hooks";
import { text } from "../texts";
import { Icon } from "./icon";

const CONFIRM_MS = 1800;

interface Props {
  label: string;
  value: string;
  testId?: string;
  iconOnly?: boolean;
}

export function CopyButton({ label, value, testId, iconOnly = false }: Props) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      if (!copyBySelection(value)) return;
    }
    setCopied(true);
    setTimeout(() => setCopied(false), CONFIRM_MS);
  };
  return (
    <button
      type="button"
      class={`quiet ${iconOnly ? "icon-only" : ""}`}
      data-testid={testId}
      title={iconOnly ? label : undefined}
      onClick={copy}
    >
      <Icon name={copied ? "check" : "copy"} />
      <span class={iconOnly ? "visually-hidden" : ""} aria-live="polite">
        {copied ? text("copied") : label}
      </span>
    </button>
  );
}

/** The clipboard interface is there only over https; a page opened by an address in the local network has this. */
function copyBySelection(value: string): boolean {
  const area = document.createElement("textarea");
  area.value = value;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
