import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { text } from "../texts";
import { AttachButton, Attachments, FILES_MAX, isSendable } from "./attachments";
import { Icon } from "./icon";

/** As the server has it. */
const CHARS_MAX = 4000;

interface Props {
  /** What is written anew; null: something new is written. */
  editing: string | null;
  /** What goes along; null: this server keeps no files, or they cannot go now. */
  files: { chosen: File[]; most: number; onChoose: (files: File[]) => void } | null;
  onWrite: (words: string) => void;
  onCancel: () => void;
}

/** Enter sends; Shift and Enter begin a line. */
export function Composer({ editing, files, onWrite, onCancel }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const [words, setWords] = useState("");
  useEffect(() => {
    setWords(editing ?? "");
    if (editing !== null) field.current?.focus();
  }, [editing]);
  // It grows with what is in it.
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight + element.offsetHeight - element.clientHeight}px`;
  }, [words]);
  const isLong = [...words.trim()].length > CHARS_MAX;
  const chosen = files?.chosen ?? [];
  const most = files?.most ?? 0;
  const areFine = chosen.every(({ size }) => isSendable(size, most));
  const canSend = (words.trim() !== "" || chosen.length > 0) && !isLong && areFine;
  const add = (more: File[]) => files?.onChoose([...chosen, ...more].slice(0, FILES_MAX));
  const write = () => {
    if (!canSend) return;
    onWrite(words.trim());
    setWords("");
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        write();
        field.current?.focus();
      }}
    >
      {editing !== null && (
        <div class="composer-edit">
          <span>{text("chat_editing")}</span>
          <button type="button" class="plain slim" data-testid="stop-editing" onClick={onCancel}>
            {text("cancel")}
          </button>
        </div>
      )}
      {files !== null && (
        <Attachments
          files={chosen}
          most={most}
          onRemove={(gone) => files.onChoose(chosen.filter((one) => one !== gone))}
        />
      )}
      <div class="composer-row">
        {files !== null && <AttachButton onFiles={add} />}
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={words}
          data-testid="chat-input"
          aria-label={text("chat_input")}
          aria-invalid={isLong}
          placeholder={text("chat_input")}
          enterkeyhint="send"
          onInput={(event) => setWords(event.currentTarget.value)}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            // A text that was copied with its picture is a text.
            if (files === null || pasted.length === 0 || event.clipboardData?.getData("text/plain")) return;
            event.preventDefault();
            add(pasted);
          }}
          onKeyDown={(event) => {
            if (event.key === "Escape" && editing !== null) {
              event.preventDefault();
              onCancel();
            }
            // Who composes a character with several keys ends that with Enter.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            write();
          }}
        />
        <button
          type="submit"
          class="go icon-only"
          data-testid="chat-send"
          aria-label={text("chat_send")}
          title={text("chat_send")}
          disabled={!canSend}
        >
          <Icon name="send" />
        </button>
      </div>
      {isLong && (
        <p class="wrong" role="alert">
          {text("too_large")}
        </p>
      )}
    </form>
  );
}
