import { afterEach, expect, it } from "vitest";
import { ringsQuietly, wentBy } from "./do-not-disturb";
import type { EndedReason, Phase } from "./sdk/core/state";
import { changeSettings } from "./settings";

const user = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const incoming = (answeredAt: number | null): Phase => ({
  kind: "incoming",
  callId: "c",
  roomId: "r",
  user,
  answeredAt,
});
const ended = (reason: EndedReason, direction: "incoming" | "outgoing", byMe = false, durationMs = 0): Phase => ({
  kind: "ended",
  callId: "c",
  reason,
  direction,
  byMe,
  user,
  linkId: null,
  durationMs,
});

afterEach(() => changeSettings({ doNotDisturb: false }));

it.each<[string, boolean, Phase, boolean]>([
  ["a call, when quiet is wanted", true, incoming(null), true],
  ["a call, when it is not", false, incoming(null), false],
  ["a call that is being answered", true, incoming(7), false],
  ["no call", true, { kind: "home" }, false],
])("rings quietly: %s", (_, doNotDisturb, phase, quietly) => {
  changeSettings({ doNotDisturb });
  expect(ringsQuietly(phase)).toBe(quietly);
});

it.each<[string, Phase, boolean]>([
  ["nobody answered", ended("no_answer", "incoming"), true],
  ["the caller gave up", ended("cancelled", "incoming"), true],
  ["another tab took it", ended("answered_elsewhere", "incoming"), true],
  ["I declined", ended("declined", "incoming", true), false],
  ["we talked", ended("hung_up", "incoming", false, 7000), false],
  ["my own call", ended("no_answer", "outgoing"), false],
])("went by: %s", (_, phase, by) => expect(wentBy(phase)).toBe(by));
