/** The words for what facts.ts finds. */

import type { CallReport, Path, ReportedParticipant } from "../../sdk/protocol";
import { language, text } from "../../texts";
import { nameOf } from "../avatar";
import { formatDuration } from "../duration";
import { type Carried, carriedBy, type Row, type Sentence, zeroOf } from "./facts";

export function said({ key, who, values }: Sentence): string {
  return text(key, {
    name: who === null ? "" : nameOf(who.user),
    share: percent(values.permille ?? 0),
    ms: values.ms ?? 0,
    from: formatDuration(values.fromMs ?? 0),
    until: formatDuration(values.untilMs ?? 0),
  });
}

/** Thousandths as per cent. */
export function percent(permille: number): string {
  const maximumFractionDigits = permille >= 100 ? 0 : 1;
  return new Intl.NumberFormat(language.value, { maximumFractionDigits }).format(permille / 10);
}

/** Since the answer. What was before it is at its beginning. */
export function clock(report: CallReport, atMs: number): string {
  return formatDuration(atMs - zeroOf(report));
}

export function pathName(path: Path, carried: Carried): string {
  const name = text(path === "direct" ? "path_direct" : "path_forwarded");
  const means = carriedBy(carried);
  return means.length === 0 ? name : `${name} (${means.join(", ")})`;
}

/** `me`: this user's id. */
export function whoIs(one: ReportedParticipant | null, me: string): string {
  if (one === null) return "";
  return one.user.user_id === me ? text("you") : nameOf(one.user);
}

export function rowText(row: Row): string {
  switch (row.kind) {
    case "came":
      return text("report_came");
    case "left":
      return text(row.lost ? "report_left_lost" : "report_left");
    case "path":
      return text("path_because", { path: pathName(row.path, row), why: text(`reason_${row.reason}`) });
    case "happened":
      return text(`happening_${row.what}`);
    case "restarted":
      return text("report_restarted");
  }
}
