// The report of a call: both paths with the reasons for them, what was measured, and the same for the operator.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

import { Pair } from "../support/pair.mjs";
import { until } from "../support/person.mjs";

const KEY = "0123456789abcdef0123456789abcdef";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

test("a call that went directly and through the server has a report that says so", { timeout: 120_000 }, async (t) => {
  const pair = await Pair.open("chromium", { TANDEM__API__KEYS: KEY });
  t.after(() => pair.close());
  const { server, ada, bob } = pair;
  await pair.talk("direct");
  await bob.page.evaluate(() => window.tandem.closeDirect());
  for (const one of [ada, bob]) await one.onPath("forwarded");
  for (const one of [ada, bob]) await one.onPath("direct", 40_000);
  // Some seconds are measured.
  const room = await ask(server, "/rooms").then(({ items }) => items[0].id);
  await until("both have told what they measured", async () => {
    const { items } = await ask(server, `/rooms/${room}/participants`);
    return items.length === 2 && items.every(({ measured }) => measured?.received_loss_permille !== undefined);
  });
  await ada.click("hang-up");
  await bob.endedWith("hung_up");
  await bob.goHome();

  await bob.click("call-more");
  await bob.click("open-report");
  const page = bob.page;
  const at = (id) => `[data-testid="${id}"]`;
  const texts = (selector) => page.$$eval(selector, (all) => all.map((one) => one.textContent.trim()));
  await until("the report is there", async () => (await page.$$(at("report-picture"))).length === 2);
  assert.notEqual((await texts(at("report-summary")))[0], "");
  const switches = await texts(`${at("report-row")}[data-kind="path"] td:last-child`);
  assert.ok(
    switches.some((text) => /^Direct \(UDP\): the direct connection was ready$/.test(text)),
    `${switches}`,
  );
  assert.ok(
    switches.some((text) =>
      /^Through your server \(UDP\): (the direct connection broke|nothing came through on the direct way)/.test(text),
    ),
    `${switches}`,
  );
  const shares = await texts(`${at("report-loss-in")} td`);
  const roundTrips = await texts(`${at("report-round-trip")} td`);
  assert.deepEqual([shares.length, roundTrips.length], [2, 2]);
  for (const share of shares) assert.ok(Number.parseFloat(share) < 30, `lost ${share}`);
  for (const roundTrip of roundTrips) assert.ok(Number.parseFloat(roundTrip) < 500, `took ${roundTrip}`);
  for (const [name, viewport] of [
    ["desktop", { width: 1280, height: 900 }],
    ["phone", { width: 390, height: 844 }],
  ]) {
    await page.setViewport(viewport);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px wider than the ${name}`);
    if (process.env.TANDEM_SHOTS) await page.screenshot({ path: `${process.env.TANDEM_SHOTS}/report-${name}.png` });
  }
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document));
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  assert.deepEqual(
    grave.map(({ id }) => id),
    [],
  );

  const saved = await page.evaluate(async (button) => {
    const made = [];
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      made.push(blob.text());
      return make(blob);
    };
    document.querySelector(button).click();
    return JSON.parse(await made[0]);
  }, at("report-download"));
  const call = await ask(server, "/calls").then(({ items }) => items[0].id);
  const operators = await ask(server, `/calls/${call}/report`);
  assert.deepEqual(saved.calls, operators.calls);
  for (const one of operators.participants) {
    assert.ok(one.setup_ms > 0 && one.setup_ms < 10_000, `set up in ${one.setup_ms} ms`);
    const ways = new Set(one.paths.map(({ path }) => path));
    assert.deepEqual(ways, new Set(["direct", "forwarded"]));
    assert.ok(one.measured.length > 0);
  }
});

async function ask(server, path) {
  const answer = await fetch(`${server.url}api/v1${path}`, { headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(answer.status, 200, path);
  return answer.json();
}
