import { useEffect, useRef, useState } from "preact/hooks";
import { speakerInUse } from "../media/device-watch";
import type { RemoteTracks } from "../sdk/media/remote";
import type { Source } from "../sdk/protocol";
import { text } from "../texts";
import { Icon } from "./icon";
import { useStream } from "./streams";

const SOUNDS: Source[] = ["microphone", "screen_audio"];

/** Everything that is heard, whoever is to be seen. Asks for a tap where the browser lets no sound out without one. */
export function Voices({ remote }: { remote: RemoteTracks }) {
  const [blocked, setBlocked] = useState(false);
  const region = useRef<HTMLDivElement>(null);
  const unblock = () => {
    const elements = region.current?.querySelectorAll("audio") ?? [];
    void Promise.all([...elements].map((one) => one.play())).then(
      () => setBlocked(false),
      () => {},
    );
  };
  return (
    <div ref={region}>
      {[...remote].flatMap(([participantId, tracks]) =>
        SOUNDS.map((source) => {
          const track = tracks[source]?.track;
          return track && <Voice key={`${participantId}/${source}`} track={track} onBlocked={() => setBlocked(true)} />;
        }),
      )}
      {blocked && (
        <button type="button" class="tap-to-hear primary" onClick={unblock}>
          <Icon name="volume" />
          {text("tap_to_hear")}
        </button>
      )}
    </div>
  );
}

function Voice({ track, onBlocked }: { track: MediaStreamTrack; onBlocked: () => void }) {
  const stream = useStream(track);
  const ref = useRef<HTMLAudioElement>(null);
  const play = () => {
    ref.current?.play().catch((error: unknown) => {
      // AbortError: the stream was exchanged while play() waited; the next one is played by its own call.
      if (error instanceof DOMException && error.name === "NotAllowedError") onBlocked();
    });
  };
  useEffect(() => {
    if (ref.current === null) return;
    ref.current.srcObject = stream;
    play();
  }, [stream]);
  const speaker = speakerInUse.value;
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
  // As in video.tsx: Firefox may take the moment between two tracks for the end.
  return <audio ref={ref} autoplay onEnded={play} />;
}
