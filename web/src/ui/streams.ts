/** Elements play streams, and the page gets tracks. */

import { useEffect, useRef } from "preact/hooks";
import { exchange } from "../sdk/media/exchange";

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
