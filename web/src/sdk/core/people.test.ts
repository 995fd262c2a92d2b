import { describe, expect, it } from "vitest";
import type { Command, Contact, Event, Settings } from "../protocol";
import { event, welcome } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Effect, type Input, initialState } from "./state";

const BERTA = "b3rt-a8xn-4m2q";
const contact = (user_id: string, name: string, presence: Contact["presence"] = "offline"): Contact => ({
  user: { user_id, name },
  presence,
});
const people = (contacts: Contact[] = [], settings: Partial<Settings> = {}): Input =>
  event({
    type: "people",
    contacts,
    blocked: [],
    settings: { callers: "anyone", always_through_server: false, ...settings },
  });
const answer = (of: Event, answers: Command["type"]): Input => event(of, answers);

function run(inputs: Input[], from = initialState(null, false)) {
  let state: AppState = from;
  const effects: Effect[] = [];
  for (const input of inputs) {
    const step = reduce(state, input, 0);
    state = step.state;
    effects.push(...step.effects);
  }
  const sent = effects.flatMap((effect) => (effect.kind === "send" ? [effect.command] : []));
  return { state, effects, sent, names: state.people?.contacts.map(({ user }) => user.name) };
}

describe("contacts", () => {
  it("are asked for again where the store could not be read, and the user is told", () => {
    const unread = answer({ type: "error", code: "not_loaded", message: "" }, "people");
    const { state, effects } = run([{ kind: "list_people" }, unread]);
    expect(state.refused).toBe("not_loaded");
    expect(effects).toContainEqual({ kind: "ask_again", input: { kind: "list_people" }, afterMs: 10_000 });
    expect(run([unread], run([people()]).state).effects).toEqual([]);
  });

  it("are in the order of their names, and change by what the server says", () => {
    const { names, state } = run([
      people([contact("c", "Cleo"), contact(BERTA, "Berta")]),
      event({ type: "contact_changed", contact: contact("a", "anna") }),
      event({ type: "contact_changed", contact: contact("c", "Zoe", "online") }),
      event({ type: "contact_forgotten", user_id: "a" }),
      event({ type: "presence_changed", changes: [{ user_id: BERTA, presence: "away" }] }),
    ]);
    expect(names).toEqual(["Berta", "Zoe"]);
    expect(state.people?.contacts.map(({ presence }) => presence)).toEqual(["away", "online"]);
  });

  it("have the names that the user gave them, when they call and when they are called", () => {
    const known = people([contact(BERTA, "Sis")]);
    const rings = event({
      type: "incoming_call",
      call_id: "c",
      room_id: "r",
      user: { user_id: BERTA, name: "Berta Nowak" },
    });
    expect(run([known, rings]).state.phase).toMatchObject({ kind: "incoming", user: { name: "Sis" } });
    expect(run([known, { kind: "call", userId: BERTA }]).state.phase).toMatchObject({ user: { name: "Sis" } });
    expect(run([rings]).state.phase).toMatchObject({ user: { name: "Berta Nowak" } });
  });

  it("are asked for again after a gap, and not before anybody wanted them", () => {
    const again = welcome({ resumed: true });
    expect(run([welcome(), again]).sent).toEqual([]);
    const list: Input = { kind: "list_people" };
    const ask = { type: "people" };
    expect(run([welcome(), list, people(), again]).sent).toEqual([ask, ask]);
    expect(run([welcome(), list, again]).sent).toEqual([ask, ask]);
    const away: Input = { kind: "set_away", away: true };
    expect(run([welcome(), away, welcome({ boot_id: "two" })]).sent).toEqual([
      { type: "set_away", away: true },
      { type: "set_away", away: true },
    ]);
  });
});

describe("settings", () => {
  const on: Input = { kind: "set_always_through_server", on: true };
  const always: Settings = { callers: "anyone", always_through_server: true };

  it("are changed by what the server keeps", () => {
    const asked = run([people(), { kind: "set_contacts_only", on: true }]);
    const settings: Settings = { callers: "contacts", always_through_server: false };
    expect(asked.sent).toEqual([{ type: "set", settings }]);
    expect(asked.state.people?.settings.callers).toBe("anyone");
    const kept = run([answer({ type: "settings_changed", settings }, "set")], asked.state);
    expect(kept.state.people?.settings).toEqual(settings);
  });

  it("are asked for where they could not be kept", () => {
    const { sent, state } = run([people(), on, answer({ type: "error", code: "not_saved", message: "" }, "set")]);
    expect(sent.at(-1)).toEqual({ type: "people" });
    expect(state.refused).toBe("not_saved");
    expect(state.alwaysThroughServer).toBe(false);
  });

  it("of this device go to the server once", () => {
    const before = initialState(null, true);
    const { sent, effects, state } = run(
      [people(), answer({ type: "settings_changed", settings: always }, "set")],
      before,
    );
    expect(sent).toEqual([{ type: "set", settings: always }]);
    expect(effects).toContainEqual({ kind: "save_always_through_server", on: false });
    expect(state.alwaysThroughServer).toBe(true);
    // From then on the server has the last word.
    const later = run([people([], { always_through_server: false })], state);
    expect(later.sent).toEqual([]);
    expect(later.state.alwaysThroughServer).toBe(false);
  });

  it("of this device hold before the server has said anything", () => {
    const { state, effects } = run([on]);
    expect(state.alwaysThroughServer).toBe(true);
    expect(effects).toEqual([{ kind: "save_always_through_server", on: true }]);
  });
});

describe("who is blocked", () => {
  it("is what the server has", () => {
    const user = { user_id: BERTA, name: "Berta" };
    const { state, sent } = run([
      people(),
      { kind: "block", userId: BERTA, name: "Berta" },
      answer({ type: "blocked", user }, "block"),
    ]);
    expect(sent).toEqual([{ type: "block", user_id: BERTA, name: "Berta" }]);
    expect(state.people?.blocked).toEqual([user]);
    expect(run([event({ type: "unblocked", user_id: BERTA })], state).state.people?.blocked).toEqual([]);
  });
});
