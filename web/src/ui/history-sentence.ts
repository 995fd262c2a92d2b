/** What became of a call, seen from this side. Pure. */

import { assertNever } from "../sdk/assert";
import type { HistoryRow } from "../sdk/protocol";
import type { TextKey } from "../texts";

export function outcomeOf({ reason, direction, answered, missed }: HistoryRow): TextKey {
  if (missed) return reason === "busy" ? "history_missed_busy" : "history_missed";
  const made = direction === "made";
  if (answered) {
    if (reason === "connection_lost") return "history_connection_lost";
    if (reason === "removed") return "history_removed";
    return made ? "history_made" : "history_received";
  }
  switch (reason) {
    case "declined":
      return made ? "history_declined" : "history_declined_by_me";
    case "busy":
      return "history_busy";
    case "no_answer":
      return "history_no_answer";
    case "cancelled":
      return "history_cancelled";
    case "unreachable":
      return "history_unreachable";
    case "connection_lost":
      return "history_connection_lost";
    case "removed":
      return "history_removed";
    case "hung_up":
      return made ? "history_made" : "history_received";
    default:
      return assertNever(reason);
  }
}
