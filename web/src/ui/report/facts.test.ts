import { describe, expect, it } from "vitest";
import type { BadSpell, CallReport } from "../../sdk/protocol";
import { LANGUAGES } from "../../settings";
import { carriedBy, rowsOf, setUpOf, spellSentence, summaryOf, totalsOf } from "./facts";
import { ADA, ANSWERED_MS, aCall, BOB } from "./fixtures";
import { percent, rowText, said } from "./words";

function withSpells(...spells: BadSpell[]): CallReport {
  return { ...aCall(), spells };
}

describe("the sentence of a call's report", () => {
  it.each([
    [ADA, "Your connection lost 8 % between 2:10 and 2:40."],
    [BOB, "The connection of Ada lost 8 % between 2:10 and 2:40."],
  ])("says to %s whose side was bad, when and how much", (me, words) => {
    expect(said(summaryOf(aCall(), me))).toBe(words);
  });

  it("is about what lies between where it was neither side", () => {
    const report = withSpells({ from_ms: ANSWERED_MS + 5_000, until_ms: ANSWERED_MS + 65_000, round_trip_ms: 480 });
    expect(said(summaryOf(report, ADA))).toBe(
      "The way between the two was slow between 0:05 and 1:05: 480 ms there and back.",
    );
  });

  it("is about the worst of several", () => {
    const short = { from_ms: 4_000, until_ms: 9_000, participant_id: "p2", loss_permille: 40 };
    const long = { from_ms: 20_000, until_ms: 80_000, participant_id: "p1", loss_permille: 35 };
    const report = withSpells(short, long);
    expect(said(summaryOf(report, BOB))).toBe("The connection of Ada lost 3.5 % between 0:17 and 1:17.");
    expect(said(spellSentence(report, short, BOB))).toBe("Your connection lost 4 % between 0:01 and 0:06.");
  });

  it("says that it was good, or that nobody knows", () => {
    expect(summaryOf(withSpells(), ADA).key).toBe("report_good");
    const unmeasured = {
      ...aCall(),
      spells: [],
      participants: aCall().participants.map((one) => ({ ...one, measured: [] })),
    };
    expect(summaryOf(unmeasured, ADA).key).toBe("report_nothing");
    expect(summaryOf({ ...unmeasured, calls: [], participants: [] }, ADA).key).toBe("report_nothing");
  });

  it("writes shares as people read them", () => {
    expect([percent(0), percent(4), percent(85), percent(123)]).toEqual(["0", "0.4", "8.5", "12"]);
    expect(LANGUAGES).toContain("de");
  });
});

describe("what happened", () => {
  it("has what carries a path, and the relay, which TLS alone is spoken with", () => {
    expect(carriedBy({ protocol: "udp", relayed: false })).toEqual(["UDP"]);
    expect(carriedBy({ protocol: "udp", relayed: true })).toEqual(["TURN", "UDP"]);
    expect(carriedBy({ protocol: "tls", relayed: false })).toEqual(["TURN", "TLS"]);
    expect(carriedBy({ protocol: null, relayed: true })).toEqual(["TURN"]);
    expect(carriedBy({ protocol: null, relayed: false })).toEqual([]);
  });

  it("has every path with its reason, and every mark, in the order of time", () => {
    const rows = rowsOf(aCall());
    expect(rows.map(({ atMs }) => atMs)).toEqual(rows.map(({ atMs }) => atMs).sort((a, b) => a - b));
    const words = rows.map(rowText);
    expect(words).toContain("Through your server (TURN, TCP): too much got lost on the other way");
    expect(words).toContain("Connection to the server lost");
    expect(rows.filter(({ kind }) => kind === "path")).toHaveLength(8);
    expect(rows.filter(({ kind }) => kind === "left")).toHaveLength(2);
  });

  it("tells the set-up in milliseconds since the ring", () => {
    expect(setUpOf(aCall()).map(({ key, atMs, who }) => [key, atMs, who?.user.name])).toEqual([
      ["report_rang", 0, undefined],
      ["report_answered", 3_000, undefined],
      ["report_first_media", 3_290, "Ada"],
      ["report_first_media", 3_410, "Bob"],
      ["report_direct_since", 5_000, "Ada"],
      ["report_direct_since", 5_000, "Bob"],
    ]);
    expect(setUpOf({ ...aCall(), calls: [] })).toEqual([]);
  });

  it("adds up a participant", () => {
    const [ada] = aCall().participants;
    if (ada === undefined) throw new Error("she was in it");
    const totals = totalsOf(ada);
    expect([totals.directMs, totals.forwardedMs]).toEqual([183_000, 56_710]);
    expect(totals.sentLossPermille).toBeGreaterThan(5);
    expect(totalsOf({ ...ada, measured: [] })).toMatchObject({ jitterMs: null, receivedLossPermille: null });
  });
});
