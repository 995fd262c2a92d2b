import { quality } from "../media/quality-shown";
import type { Connection, InCall } from "../sdk/core/state";
import type { Grade } from "../sdk/media/quality";
import { text } from "../texts";
import { nameOf } from "./avatar";
import type { IconName } from "./icon";
import { Icon } from "./icon";
import { type PathFacts, pathFacts, pathSentence, pathWords } from "./path-sentence";

/** How media flows, and how well. `short`: in a row above many tiles, where a sentence would take too much. */
export function CallBadges({ phase, connection, short }: { phase: InCall; connection: Connection; short: boolean }) {
  if (phase.path === null) return <div class="badges" />;
  return (
    <div class="badges">
      <div class="badge-row">
        <PathBadge facts={pathFacts({ ...phase, path: phase.path }, connection)} user={phase.user} short={short} />
        <QualityBadge phase={phase} />
      </div>
      {!short && <QualitySentence phase={phase} />}
    </div>
  );
}

function PathBadge({ facts, user, short }: { facts: PathFacts; user: InCall["user"]; short: boolean }) {
  const isDirect = facts.path === "direct";
  const sentence = pathSentence(facts, user);
  const hint = text(isDirect ? "path_direct_hint" : "path_forwarded_hint");
  return (
    <span
      class="badge path"
      data-testid="path"
      data-path={facts.path}
      data-reason={facts.reason ?? undefined}
      data-why={pathWords(facts).why ?? undefined}
      title={short ? `${sentence}. ${hint}` : hint}
    >
      <Icon name={isDirect ? "zap" : "server"} />
      <span class={short ? "visually-hidden" : ""}>{sentence}</span>
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
