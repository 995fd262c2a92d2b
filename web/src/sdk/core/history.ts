/** The part of the state machine that knows the calls there were. */

import { assertNever } from "../assert";
import type { ErrorCode, Event, HistoryRow } from "../protocol";
import type { AppState, Input, Step } from "./state";
import { askAgain, only, send } from "./steps";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

export type HistoryEvent = Of<"history" | "history_changed" | "history_seen" | "history_forgotten">;

type HistoryInput = Extract<
  Input,
  { kind: "list_history" | "more_history" | "see_history" | "forget_call" | "forget_history" }
>;

/** What a page shows at first, and how much it adds to that. */
const PAGE = 20;

export function historyInput(state: AppState, input: HistoryInput): Step {
  const { history } = state;
  switch (input.kind) {
    case "list_history":
      return { state: { ...state, asked: { ...state.asked, history: true } }, effects: [listHistory()] };
    case "more_history": {
      const last = history?.rows.at(-1);
      if (history === null || last === undefined || !history.more || history.asking) return only(state);
      const before = { rang_at_ms: last.rang_at_ms, call_id: last.call_id };
      return {
        state: { ...state, history: { ...history, asking: true } },
        effects: [send({ type: "history", before, limit: PAGE })],
      };
    }
    case "see_history":
      return state.missed === 0 ? only(state) : { state, effects: [send({ type: "see_history" })] };
    case "forget_call":
      return { state, effects: [send({ type: "forget_history", call_id: input.callId })] };
    case "forget_history":
      return { state, effects: [send({ type: "forget_history" })] };
    default:
      return assertNever(input);
  }
}

/** From the newest. */
export function listHistory() {
  return send({ type: "history", limit: PAGE });
}

export function historyEvent(state: AppState, event: HistoryEvent): Step {
  const { history } = state;
  switch (event.type) {
    case "history": {
      const { rows, more, missed } = event;
      // What was asked for from the top takes the place of what is there; what follows it is added.
      const isNext = history?.asking === true && rows.every((row) => isOlder(row, history.rows.at(-1)));
      const before = isNext ? history.rows : [];
      return only({ ...state, missed, history: { rows: [...before, ...rows], more, asking: false } });
    }
    case "history_changed": {
      const { row, missed } = event;
      if (history === null) return only({ ...state, missed });
      const others = history.rows.filter(({ call_id }) => call_id !== row.call_id);
      const at = others.findIndex((other) => isOlder(other, row));
      const rows = at < 0 ? [...others, row] : [...others.slice(0, at), row, ...others.slice(at)];
      return only({ ...state, missed, history: { ...history, rows } });
    }
    case "history_seen": {
      const rows = history?.rows.map((row) => (row.missed ? { ...row, seen: true } : row)) ?? [];
      return only({ ...state, missed: 0, history: history && { ...history, rows } });
    }
    case "history_forgotten": {
      const { call_id, missed } = event;
      if (call_id === undefined) return only({ ...state, missed, history: { rows: [], more: false, asking: false } });
      const rows = history?.rows.filter((row) => row.call_id !== call_id) ?? [];
      return only({ ...state, missed, history: history && { ...history, rows } });
    }
    default:
      return assertNever(event);
  }
}

/** A part that could not be read may be asked for again, and the first one is. */
export function historyRefused(state: AppState, code: ErrorCode, answers: "history" | "see_history"): Step {
  const { history } = state;
  if (answers !== "history") return only(state);
  if (history !== null) return only({ ...state, history: { ...history, asking: false } });
  return { state, effects: code === "not_loaded" ? [askAgain("list_history")] : [] };
}

/** Whether it comes after the other in a list that begins with the newest. */
function isOlder(row: HistoryRow, than: HistoryRow | undefined): boolean {
  if (than === undefined) return true;
  if (row.rang_at_ms !== than.rang_at_ms) return row.rang_at_ms < than.rang_at_ms;
  return row.call_id < than.call_id;
}
