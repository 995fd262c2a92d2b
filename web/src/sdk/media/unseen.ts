/** Whether nobody sees the page: another tab lies over it, or the window is away. */

/** Who looks something up and comes back at once finds the pictures as they were. */
const AWAY_MS = 2000;

/** Tells changes until `end`. A picture that floats over other windows is seen wherever its page is. */
export function watchUnseen(page: Document, tell: (unseen: boolean) => void, end?: AbortSignal): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let told = false;
  const say = (unseen: boolean) => {
    if (unseen === told) return;
    told = unseen;
    tell(unseen);
  };
  const look = () => {
    clearTimeout(timer);
    const unseen = page.visibilityState === "hidden" && !page.pictureInPictureElement;
    if (unseen) timer = setTimeout(say, AWAY_MS, true);
    else say(false);
  };
  page.addEventListener("visibilitychange", look, { signal: end });
  // Both come from a video, and bubble.
  page.addEventListener("enterpictureinpicture", look, { signal: end });
  page.addEventListener("leavepictureinpicture", look, { signal: end });
  end?.addEventListener("abort", () => clearTimeout(timer));
  look();
}
