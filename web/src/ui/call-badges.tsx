import type { Grade } from "../media/quality";
import { quality } from "../media/quality-watch";
import type { InCall } from "../state";
import { type TextKey, text } from "../texts";
import { nameOf } from "./avatar";
import type { IconName } from "./icon";
import { Icon } from "./icon";

/** How media flows, and how well. */
export function CallBadges({ phase }: { phase: InCall }) {
  return (
    <div class="badges">
      <div class="badge-row">
        <PathBadge phase={phase} />
        <QualityBadge phase={phase} />
      </div>
      <QualitySentence phase={phase} />
    </div>
  );
}

export function pathHint({ path, alwaysThroughServer }: InCall): TextKey {
  if (path === "direct") return "path_direct_hint";
  return alwaysThroughServer ? "path_always_hint" : "path_forwarded_hint";
}

function PathBadge({ phase }: { phase: InCall }) {
  const { path, roundTripMs } = phase;
  if (path === null) return null;
  const name = text(path === "direct" ? "path_direct" : "path_forwarded");
  return (
    <span class="badge path" data-testid="path" data-path={path} title={text(pathHint(phase))}>
      <Icon name={path === "direct" ? "zap" : "server"} />
      {roundTripMs === null ? name : text("path_round_trip", { path: name, ms: roundTripMs })}
    </span>
  );
}

const ICONS: Record<Grade, IconName> = { good: "signalGood", fair: "signalFair", poor: "signalPoor" };

function QualityBadge({ phase }: { phase: InCall }) {
  const verdict = quality.value;
  if (verdict === null || phase.path === null) return null;
  return (
    <span
      class={`badge quality quality-${verdict.grade}`}
      data-testid="quality"
      data-quality={verdict.grade}
      data-side={verdict.side ?? undefined}
      title={sentence(phase) ?? text("quality_good_hint")}
    >
      <Icon name={ICONS[verdict.grade]} />
      <span class={verdict.grade === "good" ? "visually-hidden" : ""}>{text(`quality_${verdict.grade}`)}</span>
    </span>
  );
}

/** In words, and to be seen without a pointer, as soon as there is something to say. */
function QualitySentence({ phase }: { phase: InCall }) {
  const words = phase.path === null ? null : sentence(phase);
  return words === null ? null : <p class="badge quality-sentence">{words}</p>;
}

function sentence(phase: InCall): string | null {
  const side = quality.value?.side ?? null;
  if (side === null) return null;
  if (side === "way") return text(phase.path === "direct" ? "quality_way_direct" : "quality_way_forwarded");
  return text(side === "mine" ? "quality_mine" : "quality_theirs", { name: nameOf(phase.user) });
}
