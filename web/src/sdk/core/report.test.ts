import { describe, expect, it } from "vitest";
import type { CallReport } from "../protocol";
import { reduce } from "./reduce";
import { type AppState, initialState } from "./state";

const REPORT: CallReport = {
  began_at_ms: 1,
  lasted_ms: 2,
  over: true,
  calls: [],
  participants: [],
  spells: [],
  restarts_ms: [],
  left_out: 0,
};

function opened(): AppState {
  const { state, effects } = reduce(initialState(null, false, null), { kind: "open_report", callId: "c1" }, 0);
  expect(effects).toEqual([{ kind: "send", command: { type: "call_report", call_id: "c1" } }]);
  expect(state.report).toEqual({ callId: "c1", report: null, asking: true });
  return state;
}

describe("the report of a call", () => {
  it("is asked for, shown and put away", () => {
    const event = { type: "call_report", call_id: "c1", report: REPORT } as const;
    const { state } = reduce(opened(), { kind: "event", event, answers: "call_report", about: null }, 0);
    expect(state.report).toEqual({ callId: "c1", report: REPORT, asking: false });
    expect(reduce(state, { kind: "close_report" }, 0).state.report).toBeNull();
  });

  it("is not that of another call", () => {
    const event = { type: "call_report", call_id: "c2", report: REPORT } as const;
    const { state } = reduce(opened(), { kind: "event", event, answers: "call_report", about: null }, 0);
    expect(state.report?.report).toBeNull();
  });

  it("says when there is none", () => {
    const event = { type: "error", code: "not_allowed", message: "" } as const;
    const { state } = reduce(opened(), { kind: "event", event, answers: "call_report", about: null }, 0);
    expect(state.report).toEqual({ callId: "c1", report: null, asking: false });
  });
});
