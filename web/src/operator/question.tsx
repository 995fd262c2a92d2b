import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

const asked = signal<{ words: string; label: string; deed: () => void } | null>(null);

/** Asks before something that others notice. */
export function ask(words: string, label: string, deed: () => void): void {
  asked.value = { words, label, deed };
}

export function Question() {
  const question = asked.value;
  const ref = useRef<HTMLDialogElement>(null);
  const isOpen = question !== null;
  useEffect(() => {
    if (isOpen) ref.current?.showModal();
  }, [isOpen]);
  if (question === null) return null;
  const close = () => {
    asked.value = null;
  };
  return (
    <dialog ref={ref} aria-labelledby="question" onClose={close}>
      <p id="question">{question.words}</p>
      <div class="choices">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class="stop"
          data-testid="operator-confirm"
          onClick={() => {
            close();
            question.deed();
          }}
        >
          {question.label}
        </button>
      </div>
    </dialog>
  );
}
