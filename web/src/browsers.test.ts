import { beforeEach, expect, test } from "vitest";
import { Browsers, signedIn } from "./browsers";
import type { Browser, Command } from "./sdk/protocol";

let sent: Command[];
let browsers: Browsers;

const browser = (id: string, isThis = false): Browser => ({
  browser_id: id,
  name: "Firefox, Linux",
  added_at_ms: 1,
  seen_at_ms: 2,
  is_this: isThis,
});

const ids = () => signedIn.value.list?.map((one) => one.browser_id);

beforeEach(() => {
  sent = [];
  browsers = new Browsers((command) => sent.push(command));
  browsers.ask();
  browsers.handle({ type: "browsers", browsers: [browser("a", true), browser("b"), browser("c")] }, "browsers");
});

test("one is signed out, and then the others", () => {
  expect(sent).toEqual([{ type: "browsers" }]);
  browsers.signOut("b");
  expect([...signedIn.value.leaving]).toEqual(["b"]);
  expect(browsers.handle({ type: "signed_out", browser_ids: ["b"] }, "sign_out")).toBe(true);
  expect(ids()).toEqual(["a", "c"]);
  browsers.signOut(null);
  expect([...signedIn.value.leaving]).toEqual(["c"]);
  browsers.handle({ type: "signed_out", browser_ids: ["c"] }, "sign_out");
  expect(ids()).toEqual(["a"]);
  expect(sent.slice(1)).toEqual([{ type: "sign_out", browser_id: "b" }, { type: "sign_out" }]);
});

test("one that had signed out by itself is gone too", () => {
  browsers.signOut("b");
  browsers.handle({ type: "signed_out", browser_ids: [] }, "sign_out");
  expect(ids()).toEqual(["a", "c"]);
});

test("what is not kept changes nothing and is said", () => {
  browsers.signOut("b");
  const refused = { type: "error", code: "not_saved", message: "" } as const;
  expect(browsers.handle(refused, "sign_out")).toBe(true);
  expect(signedIn.value).toMatchObject({ problem: "not_saved", leaving: new Set() });
  expect(ids()).toEqual(["a", "b", "c"]);
  expect(browsers.handle(refused, "pair")).toBe(false);
});
