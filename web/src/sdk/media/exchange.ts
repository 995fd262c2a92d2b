/** Elements play streams, and what is received are tracks. */

/**
 * Puts a track in the place of the one that a stream has: an element that gets another stream makes another player, and shows nothing
 * until that has its first frame. The others are taken out first: browsers go on with the track that they have while it is there.
 */
export function exchange(stream: MediaStream, track: MediaStreamTrack | null): void {
  for (const one of stream.getTracks()) {
    if (one !== track) stream.removeTrack(one);
  }
  if (track !== null) stream.addTrack(track);
}
