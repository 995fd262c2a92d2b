import { useEffect, useRef, useState } from "preact/hooks";
import type { Input } from "../sdk/core/state";
import { text } from "../texts";

interface Props {
  name: string;
  disabled: boolean;
  send: (input: Input) => void;
}

/** Sent when it is left or Enter is pressed, not with each letter: other tabs and calls show it. */
export function NameField({ name, disabled, send }: Props) {
  const [typed, setTyped] = useState(name);
  const sent = useRef(name);
  useEffect(() => {
    const before = sent.current;
    sent.current = name;
    // What is being typed stays when word of an earlier name comes.
    setTyped((typed) => (typed.trim() === before.trim() ? name : typed));
  }, [name]);
  const save = () => {
    if (typed.trim() === sent.current.trim()) return;
    sent.current = typed;
    send({ kind: "set_name", name: typed });
  };
  return (
    <div class="stack">
      <label for="name">{text("name")}</label>
      <input
        id="name"
        data-testid="name"
        value={typed}
        maxLength={64}
        disabled={disabled}
        placeholder={text("name_placeholder")}
        autocomplete="nickname"
        onInput={(event) => setTyped(event.currentTarget.value)}
        onBlur={save}
        onKeyDown={(event) => event.key === "Enter" && save()}
      />
    </div>
  );
}
