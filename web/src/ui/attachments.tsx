import { useRef, useState } from "preact/hooks";
import { sizeOf } from "../files";
import { text } from "../texts";
import { Icon } from "./icon";

/** Files that are about to be sent. More at once are a mistake. */
export const FILES_MAX = 10;

interface Props {
  files: File[];
  /** Bytes of one. */
  most: number;
  onRemove: (file: File) => void;
}

/** What goes along with the next message, before it goes. */
export function Attachments({ files, most, onRemove }: Props) {
  if (files.length === 0) return null;
  return (
    <ul class="attachments" aria-label={text("file_chosen")}>
      {files.map((file) => (
        <li key={`${file.name} ${file.size} ${file.lastModified}`} data-testid="attachment">
          <Icon name="file" />
          <span class="file-what">
            <bdi class="file-name">{file.name}</bdi>
            {problemOf(file, most) ?? <small class="faint">{sizeOf(file.size)}</small>}
          </span>
          <button
            type="button"
            class="plain icon-only"
            data-testid="remove-attachment"
            aria-label={text("file_remove", { name: file.name })}
            onClick={() => onRemove(file)}
          >
            <Icon name="close" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function problemOf({ size }: File, most: number) {
  if (isSendable(size, most)) return null;
  return (
    <small class="wrong" role="alert">
      {size === 0 ? text("file_empty") : text("file_too_large", { most: sizeOf(most) })}
    </small>
  );
}

export function isSendable(size: number, most: number): boolean {
  return size > 0 && size <= most;
}

/** Opens the browser's own dialog. */
export function AttachButton({ onFiles }: { onFiles: (files: File[]) => void }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={field}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        onChange={({ currentTarget }) => {
          onFiles([...(currentTarget.files ?? [])]);
          // The same file may be chosen again.
          currentTarget.value = "";
        }}
      />
      <button
        type="button"
        class="plain icon-only"
        data-testid="attach-file"
        aria-label={text("file_attach")}
        title={text("file_attach")}
        onClick={() => field.current?.click()}
      >
        <Icon name="paperclip" />
      </button>
    </>
  );
}

export interface DropHandlers {
  onDragOver: (event: DragEvent) => void;
  onDragLeave: (event: DragEvent) => void;
  onDrop: (event: DragEvent) => void;
}

/** What is dropped on an element, and whether something is above it. Pages of others hand over links and texts: those are none of this. */
export function useDrop(onFiles: ((files: File[]) => void) | null) {
  const [isOver, setOver] = useState(false);
  const brings = (event: DragEvent) => onFiles !== null && event.dataTransfer?.types.includes("Files") === true;
  const handlers: DropHandlers = {
    onDragOver: (event) => {
      if (!brings(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event) => {
      const { relatedTarget: to, currentTarget: box } = event;
      if (!(to instanceof Node && box instanceof Node && box.contains(to))) setOver(false);
    },
    onDrop: (event) => {
      setOver(false);
      if (!brings(event)) return;
      event.preventDefault();
      onFiles?.([...(event.dataTransfer?.files ?? [])]);
    },
  };
  return { isOver: isOver && onFiles !== null, handlers };
}
