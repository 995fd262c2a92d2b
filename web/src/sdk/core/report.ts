/** The part of the state machine that shows the report of a call. */

import { assertNever } from "../assert";
import type { Command, Event } from "../protocol";
import type { AppState, Input, Step } from "./state";
import { only, send } from "./steps";

type ReportInput = Extract<Input, { kind: "open_report" | "close_report" }>;

export function reportInput(state: AppState, input: ReportInput): Step {
  switch (input.kind) {
    case "open_report": {
      const { callId } = input;
      return {
        state: { ...state, report: { callId, report: null, asking: true } },
        effects: [send({ type: "call_report", call_id: callId })],
      };
    }
    case "close_report":
      return only({ ...state, report: null });
    default:
      return assertNever(input);
  }
}

export function reportEvent(state: AppState, event: Extract<Event, { type: "call_report" }>): Step {
  const { call_id: callId, report } = event;
  // Another one was opened meanwhile, or none.
  if (state.report?.callId !== callId) return only(state);
  return only({ ...state, report: { callId, report, asking: false } });
}

/** There is none, or it could not be read. */
export function reportRefused(state: AppState, answers: Command["type"] | null): AppState | null {
  if (answers !== "call_report" || state.report === null) return null;
  return { ...state, report: { ...state.report, asking: false } };
}
