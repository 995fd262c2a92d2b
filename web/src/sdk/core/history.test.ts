import { describe, expect, it } from "vitest";
import type { Command, HistoryRow } from "../protocol";
import { event, welcome as welcomed } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Input, initialState } from "./state";

const welcome = (boot_id: string, missed = 0, resumed = false): Input => welcomed({ boot_id, missed, resumed });
const row = (call_id: string, rang_at_ms: number, more: Partial<HistoryRow> = {}): HistoryRow => ({
  call_id,
  user: { user_id: "b3rt-a8xn-4m2q", name: "Berta" },
  direction: "received",
  rang_at_ms,
  reason: "no_answer",
  answered: false,
  talked_ms: 0,
  missed: true,
  seen: false,
  chat: false,
  report: false,
  ...more,
});
const page = (rows: HistoryRow[], more = false, missed = 0): Input =>
  event({ type: "history", rows, more, missed }, "history");

function run(...inputs: Input[]): { state: AppState; sent: Command[]; calls: string[] } {
  let state = initialState(null, false);
  const sent: Command[] = [];
  for (const input of inputs) {
    const step = reduce(state, input, 0);
    state = step.state;
    for (const effect of step.effects) if (effect.kind === "send") sent.push(effect.command);
  }
  return { state, sent, calls: state.history?.rows.map(({ call_id }) => call_id) ?? [] };
}

describe("the history of calls", () => {
  it("is read part by part", () => {
    const { sent, calls, state } = run(
      welcome("one", 2),
      { kind: "list_history" },
      page([row("d", 4), row("c", 3)], true, 2),
      { kind: "more_history" },
      { kind: "more_history" },
      page([row("b", 3), row("a", 1)]),
      { kind: "more_history" },
    );
    expect(sent).toEqual([
      { type: "history", limit: 20 },
      { type: "history", before: { rang_at_ms: 3, call_id: "c" }, limit: 20 },
    ]);
    expect(calls).toEqual(["d", "c", "b", "a"]);
    expect(state.missed).toBe(0);
  });

  it("is read from the top again without doubles", () => {
    const top = page([row("b", 2), row("a", 1)], true);
    expect(run(welcome("one"), top, top).calls).toEqual(["b", "a"]);
    expect(run(welcome("one"), top, { kind: "more_history" }, page([row("c", 3), row("b", 2)])).calls).toEqual([
      "c",
      "b",
    ]);
  });

  it("takes in a call that is over, at its place and once", () => {
    const changed = (one: HistoryRow, missed: number) => event({ type: "history_changed", row: one, missed });
    const { calls, state } = run(
      welcome("one"),
      page([row("d", 4), row("a", 1)]),
      changed(row("c", 3), 1),
      changed(row("e", 5), 2),
      changed(row("c", 3), 2),
    );
    expect(calls).toEqual(["e", "d", "c", "a"]);
    expect(state.missed).toBe(2);
    expect(run(welcome("one"), changed(row("c", 3), 1)).state.history).toBeNull();
  });

  it("knows what was seen, in every tab", () => {
    const { state, sent } = run(welcome("one", 1), page([row("a", 1)], false, 1), { kind: "see_history" });
    expect(sent).toEqual([{ type: "see_history" }]);
    const seen = reduce(state, event({ type: "history_seen" }), 0).state;
    expect([seen.missed, seen.history?.rows[0]?.seen]).toEqual([0, true]);
    expect(reduce(seen, { kind: "see_history" }, 0).effects).toEqual([]);
  });

  it("forgets one, or all", () => {
    const two = page([row("b", 2), row("a", 1)], true, 2);
    const one = run(welcome("one"), two, event({ type: "history_forgotten", call_id: "b", missed: 1 }));
    expect([one.calls, one.state.missed]).toEqual([["a"], 1]);
    const none = run(welcome("one"), two, event({ type: "history_forgotten", missed: 0 }));
    expect(none.state.history).toEqual({ rows: [], more: false, asking: false });
  });

  it("says when something could not be forgotten, and lets older ones be asked for again", () => {
    const refused = (answers: Command["type"]) => event({ type: "error", code: "not_saved", message: "" }, answers);
    expect(run(welcome("one"), refused("forget_history")).state.refused).toBe("not_saved");
    const { state } = run(welcome("one"), page([row("a", 1)], true), { kind: "more_history" }, refused("history"));
    expect([state.refused, state.history?.asking]).toEqual([null, false]);
  });

  it("is asked for anew after a restart of the server", () => {
    const list: Input = { kind: "list_history" };
    const ask = { type: "history", limit: 20 };
    expect(run(welcome("one"), list, page([row("a", 1)]), welcome("two", 3, true)).sent).toEqual([ask, ask]);
    expect(run(welcome("one"), list, welcome("two", 3, true)).sent).toEqual([ask, ask]);
    expect(run(welcome("one"), list, page([row("a", 1)]), welcome("one", 3, true)).sent).toEqual([ask]);
    expect(run(welcome("one"), welcome("two", 3, true)).sent).toEqual([]);
  });

  it("is asked for again where the store could not be read, until there is something to show", () => {
    const list: Input = { kind: "list_history" };
    const unread = event({ type: "error", code: "not_loaded", message: "" }, "history");
    const again = { kind: "ask_again", input: list, afterMs: 10_000 };
    const { state } = run(welcome("one"), list);
    expect(reduce(state, unread, 0).effects).toEqual([again]);
    const shown = reduce(state, page([row("a", 1)]), 0).state;
    expect(reduce(shown, unread, 0).effects).toEqual([]);
  });

  it("gives a name to whom is called back", () => {
    const { state } = run(welcome("one"), page([row("a", 1)]), { kind: "call", userId: "b3rt-a8xn-4m2q" });
    expect(state.phase).toMatchObject({ kind: "calling", user: { name: "Berta" } });
  });
});
