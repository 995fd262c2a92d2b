/** Elements play streams, and the page gets tracks: one stream for each, so that nothing starts anew while a track stays. */

const streams = new WeakMap<MediaStreamTrack, MediaStream>();

export function streamOf(track: MediaStreamTrack | null | undefined): MediaStream | null {
  if (!track) return null;
  let stream = streams.get(track);
  if (stream === undefined) {
    stream = new MediaStream([track]);
    streams.set(track, stream);
  }
  return stream;
}
