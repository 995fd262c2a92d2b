/** Elements play streams, and the page gets tracks. */

import { useEffect, useRef } from "preact/hooks";

/**
 * One stream for a place on the page, in which its tracks take turns: an element that gets another stream makes another player, and
 * shows nothing until that has its first frame.
 */
export function useStream(track: MediaStreamTrack | null | undefined): MediaStream | null {
  const kept = useRef<MediaStream | null>(null);
  if (!track) kept.current = null;
  else kept.current ??= new MediaStream([track]);
  const stream = kept.current;
  useEffect(() => {
    if (stream && track) exchange(stream, track);
  }, [stream, track]);
  return stream;
}

/** Takes the others out first: browsers go on with the track that they have while it is there. */
function exchange(stream: MediaStream, track: MediaStreamTrack): void {
  for (const one of stream.getTracks()) {
    if (one !== track) stream.removeTrack(one);
  }
  stream.addTrack(track);
}
