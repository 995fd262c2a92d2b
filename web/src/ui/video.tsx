import { useEffect, useRef, useState } from "preact/hooks";
import { speakerInUse } from "../media/device-watch";
import { text } from "../texts";
import { Icon } from "./icon";

interface Props {
  stream: MediaStream | null;
  testId: string;
  class: string;
  label: string;
  muted?: boolean;
  hidden?: boolean;
}

/** A video element that plays a stream, and asks for a tap where the browser lets no sound out without one. */
export function Video({ stream, testId, class: className, label, muted = false, hidden = false }: Props) {
  const ref = useRef<HTMLVideoElement>(null);
  const [blocked, setBlocked] = useState(false);
  const play = () => {
    ref.current?.play().then(
      () => setBlocked(false),
      // AbortError: the stream was exchanged while play() waited; the next one is played by its own call.
      (error: unknown) => setBlocked(error instanceof DOMException && error.name === "NotAllowedError"),
    );
  };
  useEffect(() => {
    const video = ref.current;
    if (video === null || video.srcObject === stream) return;
    video.srcObject = stream;
    if (stream) play();
  }, [stream]);
  const speaker = muted ? "" : speakerInUse.value;
  useEffect(() => {
    // Gone in this moment: the next look at the devices brings the system's own.
    void ref.current?.setSinkId?.(speaker).catch(() => {});
  }, [speaker]);
  useEffect(
    () => () => {
      if (ref.current) ref.current.srcObject = null;
    },
    [],
  );
  return (
    <>
      <video
        ref={ref}
        data-testid={testId}
        class={`${className} ${hidden ? "invisible" : ""}`}
        aria-label={label}
        autoplay
        playsInline
        muted={muted}
        // Firefox may take the moment between two tracks of a stream for the end of it, and stand still.
        onEnded={play}
      />
      {blocked && !muted && (
        <button type="button" class="tap-to-hear primary" onClick={play}>
          <Icon name="volume" />
          {text("tap_to_hear")}
        </button>
      )}
    </>
  );
}
