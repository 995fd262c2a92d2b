/** The whole screen for the call, or a corner of it beside other programs. */

import { signal } from "@preact/signals";

/** Phones of one maker have neither; Firefox has a picture-in-picture button of its own in every video. */
export const canFullscreen = () => document.fullscreenEnabled === true;
export const canPictureInPicture = () => document.pictureInPictureEnabled === true;

export const isFullscreen = signal(false);
document.addEventListener("fullscreenchange", () => {
  isFullscreen.value = document.fullscreenElement !== null;
});

/** The whole page and not the stage alone: messages and dialogs have to be seen as well. */
export function toggleFullscreen(): void {
  if (!canFullscreen()) return;
  const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  done.catch(() => {});
}

export function togglePictureInPicture(): void {
  if (!canPictureInPicture()) return;
  // What is large, else the first of what is seen.
  const seen = "video.remote:not(.invisible)";
  const video =
    document.querySelector<HTMLVideoElement>(`.large ${seen}`) ?? document.querySelector<HTMLVideoElement>(seen);
  const done = document.pictureInPictureElement
    ? document.exitPictureInPicture()
    : // Without a picture yet it is refused, and there is nothing to see either.
      video?.requestPictureInPicture();
  done?.catch(() => {});
}

/** After the call there is nothing left to look at. */
export function leaveViews(): void {
  if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
  if (document.pictureInPictureElement) document.exitPictureInPicture().catch(() => {});
}
