import { level } from "../media/levels";
import { text } from "../texts";

/** The microphone's level. A component of its own, so that only this is drawn again a dozen times a second. */
export function LevelBar() {
  const percent = Math.round(level.value * 100);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a <meter> cannot be given one look in all browsers.
    <div
      class="level"
      data-testid="level"
      role="meter"
      aria-label={text("level")}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <span class="level-bar" style={{ transform: `scaleX(${level.value})` }} />
    </div>
  );
}
