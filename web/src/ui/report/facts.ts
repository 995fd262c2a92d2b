/** What a call's report says in words and numbers. Pure. */

import type {
  BadSpell,
  CallReport,
  Happening,
  Path,
  PathProtocol,
  PathReason,
  ReportedParticipant,
} from "../../sdk/protocol";
import type { TextKey } from "../../texts";

/** A text and what goes into it. `who`: whose name belongs in it; null: nobody's. */
export interface Sentence {
  key: TextKey;
  who: ReportedParticipant | null;
  values: Record<string, number>;
}

/** How the call was, in one sentence: the worst that there was, or that there was nothing. */
export function summaryOf(report: CallReport, me: string): Sentence {
  const worst = [...report.spells].sort((a, b) => weight(b) - weight(a))[0];
  if (worst !== undefined) return spellSentence(report, worst, me);
  const measured = report.participants.some((one) => one.measured.length > 0);
  return { key: measured ? "report_good" : "report_nothing", who: null, values: {} };
}

/** One bad time. Times in `values` are since the answer. */
export function spellSentence(report: CallReport, spell: BadSpell, me: string): Sentence {
  const zero = zeroOf(report);
  const who = report.participants.find((one) => one.participant_id === spell.participant_id) ?? null;
  const side = who === null ? "between" : who.user.user_id === me ? "mine" : "theirs";
  const kind = spell.loss_permille !== undefined ? "loss" : "round_trip";
  return {
    key: `report_${kind}_${side}`,
    who,
    values: {
      permille: spell.loss_permille ?? 0,
      ms: spell.round_trip_ms ?? 0,
      fromMs: Math.max(0, spell.from_ms - zero),
      untilMs: Math.max(0, spell.until_ms - zero),
    },
  };
}

/** How much of it there was to suffer: a share or a delay, times its time. */
function weight({ from_ms, until_ms, loss_permille, round_trip_ms }: BadSpell): number {
  const bad = loss_permille !== undefined ? loss_permille : (round_trip_ms ?? 0) / 10;
  return bad * (until_ms - from_ms);
}

/** When somebody answered. */
export function zeroOf({ calls, lasted_ms }: CallReport): number {
  return Math.min(lasted_ms, ...calls.flatMap(({ answered_ms }) => answered_ms ?? []));
}

/** A step of the set-up, in milliseconds since it began to ring. */
export interface SetUpStep {
  key: TextKey;
  who: ReportedParticipant | null;
  atMs: number;
}

export function setUpOf(report: CallReport): SetUpStep[] {
  const call = report.calls[0];
  const steps: SetUpStep[] = [];
  if (call === undefined) return steps;
  steps.push({ key: "report_rang", who: null, atMs: call.rang_ms });
  if (call.answered_ms === undefined) return steps;
  steps.push({ key: "report_answered", who: null, atMs: call.answered_ms });
  for (const who of report.participants) {
    if (who.came_ms > call.answered_ms) continue;
    if (who.setup_ms !== undefined) {
      steps.push({ key: "report_first_media", who, atMs: call.answered_ms + who.setup_ms });
    }
    const direct = who.paths.find(({ path }) => path === "direct");
    if (direct !== undefined) steps.push({ key: "report_direct_since", who, atMs: direct.from_ms });
  }
  return steps.sort((a, b) => a.atMs - b.atMs);
}

/** What carries a path. */
export interface Carried {
  /** null: the browser could not tell. */
  protocol: PathProtocol | null;
  relayed: boolean;
}

/** ["TURN", "TCP"] */
export function carriedBy({ protocol, relayed }: Carried): string[] {
  // TLS is spoken with the relay alone.
  const turn = relayed || protocol === "tls" ? ["TURN"] : [];
  return protocol === null ? turn : [...turn, protocol.toUpperCase()];
}

/** Something that happened, for the table. */
export type Row = { atMs: number; who: ReportedParticipant | null } & (
  | { kind: "came" }
  | { kind: "left"; lost: boolean }
  | ({ kind: "path"; path: Path; reason: PathReason } & Carried)
  | { kind: "happened"; what: Happening }
  | { kind: "restarted" }
);

/** Everything that happened, in order. */
export function rowsOf(report: CallReport): Row[] {
  const rows: Row[] = report.restarts_ms.map((atMs) => ({ kind: "restarted", atMs, who: null }));
  for (const who of report.participants) {
    rows.push({ kind: "came", atMs: who.came_ms, who });
    for (const { from_ms: atMs, path, protocol = null, relayed, reason } of who.paths) {
      rows.push({ kind: "path", atMs, who, path, protocol, relayed, reason });
    }
    for (const { at_ms: atMs, what } of who.marks) rows.push({ kind: "happened", atMs, who, what });
    if (who.left_ms !== undefined) {
      rows.push({ kind: "left", atMs: who.left_ms, who, lost: who.left_reason === "connection_lost" });
    }
  }
  return rows.sort((a, b) => a.atMs - b.atMs);
}

/** What one participant had, over the whole call. null: it was not measured. */
export interface Totals {
  directMs: number;
  forwardedMs: number;
  receivedLossPermille: number | null;
  sentLossPermille: number | null;
  jitterMs: number | null;
  roundTripMs: number | null;
  framesPerS: number | null;
}

export function totalsOf({ paths, measured }: ReportedParticipant): Totals {
  const long = (path: Path) =>
    paths.filter((one) => one.path === path).reduce((sum, { from_ms, until_ms }) => sum + until_ms - from_ms, 0);
  const mean = (read: (one: (typeof measured)[number]["measured"]) => number | null | undefined) => {
    let [sum, all] = [0, 0];
    for (const { measured: one } of measured) {
      const value = read(one) ?? null;
      if (value === null) continue;
      sum += value * one.lasted_ms;
      all += one.lasted_ms;
    }
    return all === 0 ? null : sum / all;
  };
  return {
    directMs: long("direct"),
    forwardedMs: long("forwarded"),
    receivedLossPermille: mean((one) => one.received_loss_permille),
    sentLossPermille: mean((one) => one.sent_loss_permille),
    jitterMs: mean((one) => one.jitter_ms),
    roundTripMs: mean((one) => one.round_trip_ms),
    framesPerS: mean((one) => one.frames_per_s),
  };
}
