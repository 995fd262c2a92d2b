/** Whether anybody is at the page, as far as it can tell: what contacts are shown of it. */

/** A page that nobody has seen for so long. */
const HIDDEN_MS = 60_000;
/** One that is seen, and has not been touched for so long. */
const IDLE_MS = 5 * 60_000;

const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/** Tells changes. */
export function watchAway(page: Document, tell: (away: boolean) => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let told = false;
  let setAt = 0;
  const say = (away: boolean) => {
    if (away === told) return;
    told = away;
    tell(away);
  };
  const wait = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(say, ms, true);
  };
  const touched = () => {
    if (page.visibilityState === "hidden") return;
    say(false);
    // A pointer moves many times a second.
    const now = Date.now();
    if (now - setAt < 1000) return;
    setAt = now;
    wait(IDLE_MS);
  };
  const look = () => {
    setAt = 0;
    if (page.visibilityState === "hidden") wait(HIDDEN_MS);
    else touched();
  };
  for (const sign of SIGNS) page.addEventListener(sign, touched, { passive: true });
  page.addEventListener("visibilitychange", look);
  look();
}
