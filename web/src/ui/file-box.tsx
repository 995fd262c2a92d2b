import { useEffect, useRef, useState } from "preact/hooks";
import { isShown, loadPicture, type Place, saveFile, sizeOf } from "../files";
import type { FileInfo } from "../sdk/protocol";
import { text } from "../texts";
import { Icon } from "./icon";

/** A file in a message: what it is, and how it is had; of a picture, the picture. */
export function FileBox({ file, place, number }: { file: FileInfo; place: Place; number: number }) {
  const { name, bytes, kept } = file;
  return (
    <div class="file" data-testid="file" data-kind={file.kind} data-kept={kept}>
      {isShown(file) && <Picture file={file} place={place} number={number} />}
      <div class="file-row">
        <Icon name="file" />
        <span class="file-what">
          <bdi class="file-name">{name}</bdi>
          <small>{kept ? sizeOf(bytes) : text("file_gone")}</small>
        </span>
        {kept && (
          <button
            type="button"
            class="plain icon-only"
            data-testid="save-file"
            aria-label={text("file_save", { name })}
            title={text("file_save", { name })}
            onClick={() => void saveFile(place, number)}
          >
            <Icon name="download" />
          </button>
        )}
      </div>
    </div>
  );
}

/** Fetched when it comes into sight. */
function Picture({ file, place, number }: { file: FileInfo; place: Place; number: number }) {
  const box = useRef<HTMLDivElement>(null);
  const [url, setUrl] = useState<string | null>(null);
  const where = "roomId" in place ? place.roomId : place.callId;
  useEffect(() => {
    let made: string | null = null;
    let isOver = false;
    const show = async () => {
      try {
        const blob = await loadPicture(place, number);
        if (isOver) return;
        made = URL.createObjectURL(blob);
        setUrl(made);
      } catch {
        // Its name and how to save it are there all the same.
      }
    };
    const watch = new IntersectionObserver((seen) => {
      if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
      watch.disconnect();
      void show();
    });
    if (box.current) watch.observe(box.current);
    return () => {
      isOver = true;
      watch.disconnect();
      if (made !== null) URL.revokeObjectURL(made);
    };
  }, [where, number]);
  return (
    <div ref={box} class="file-picture">
      {url !== null && <img src={url} alt={file.name} data-testid="picture" onError={() => setUrl(null)} />}
    </div>
  );
}
