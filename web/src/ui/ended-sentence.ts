import { assertNever } from "../sdk/assert";
import type { Phase } from "../sdk/core/state";
import type { TextKey } from "../texts";

/** Seen from this side: the same reason reads differently to who rang and to who was rung. */
export function sentenceOf({
  reason,
  direction,
  byMe,
}: Pick<Extract<Phase, { kind: "ended" }>, "reason" | "direction" | "byMe">): TextKey {
  switch (reason) {
    case "declined":
      return direction === "incoming" ? "ended_declined_by_me" : "ended_declined";
    case "busy":
      return "ended_busy";
    case "no_answer":
      return direction === "incoming" ? "ended_missed" : "ended_no_answer";
    case "cancelled":
      return direction === "incoming" ? "ended_cancelled_by_other" : "ended_cancelled";
    case "hung_up":
      return byMe ? "ended_hung_up_by_me" : "ended_hung_up";
    case "connection_lost":
      return "ended_connection_lost";
    case "unreachable":
      return "ended_unreachable";
    case "removed":
      return "ended_removed";
    case "left":
      return "ended_left";
    case "refused":
      return "ended_refused";
    case "closed":
      return "ended_closed";
    case "answered_elsewhere":
      return "ended_answered_elsewhere";
    default:
      return assertNever(reason);
  }
}
