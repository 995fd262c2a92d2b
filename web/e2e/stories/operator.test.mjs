// The operator's page: who has a key sees the calls that run, and mutes, removes, drains and ends.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";

import { launch } from "../support/browsers.mjs";
import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

const KEY = "0123456789abcdef0123456789abcdef";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe("the operator's page", { timeout: 200_000 }, () => {
  let server;
  let ada;
  let bob;

  before(async () => {
    server = await Server.start({ TANDEM__API__KEYS: KEY });
    ada = await Person.open("chromium", server.url);
    bob = await Person.open("chromium", server.url);
    await ada.type("name", "Ada <b>");
    await ada.page.keyboard.press("Enter");
  });

  after(async () => {
    await ada?.close();
    await bob?.close();
    await server?.stop();
  });

  for (const kind of ["chromium", "firefox"]) {
    test(`in ${kind}`, async (t) => {
      await ada.goHome();
      await bob.goHome();
      const browser = await launch(kind);
      t.after(() => browser.close());
      const page = await browser.newPage();
      const at = (id) => `[data-testid="operator-${id}"]`;
      const sees = (id, what = (text) => text !== "") =>
        until(`the operator sees ${id}`, () => page.$eval(at(id), (e) => e.textContent.trim()).then(what));
      const press = async (id) => {
        await page.waitForSelector(at(id));
        await page.$eval(at(id), (e) => e.click());
      };
      const shot = async (name) => {
        if (process.env.TANDEM_SHOTS)
          await page.screenshot({ path: `${process.env.TANDEM_SHOTS}/operator-${kind}-${name}.png`, fullPage: true });
      };
      const open = async (key) => {
        await page.$eval(at("key"), (e) => {
          e.value = "";
        });
        await page.type(at("key"), key);
        await press("open");
      };

      await page.goto(`${server.url}admin`);
      await shot("sign-in");
      await open("0".repeat(32));
      await until("a wrong key is refused", async () =>
        (await page.$eval(".problem", (e) => e.textContent)).includes("not among those in api.keys"),
      );
      await open(KEY);
      await sees("calls", (text) => text === "0");

      await ada.call(await bob.id());
      await bob.click("answer");
      await ada.seesAndHears();
      await sees("calls", (text) => text === "1");
      await sees("participants", (text) => text === "2");
      await page.click(".fold");
      await until("both are listed", async () => (await page.$$(at("person"))).length === 2);
      await sees("path", (text) => /^(Direct|Through this server)/.test(text));
      const people = await page.$$eval(at("person"), (all) => all.map((one) => one.textContent));
      assert.ok(
        people.some((text) => text.includes("Ada <b>")),
        "a name stays a text",
      );
      await shot("call");
      // Scripts of others are not let in by the page's policy; those of a test are.
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => window.axe.run(document));
      assert.deepEqual(
        violations
          .filter(({ impact }) => ["serious", "critical"].includes(impact))
          .map(({ id, nodes }) => [id, nodes.length]),
        [],
      );
      await page.setViewport({ width: 390, height: 800 });
      await shot("phone");
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${overflow} px wider than a phone`);
      await page.setViewport({ width: 1280, height: 800 });

      await page.click(`${at("mute")}[aria-label^="Mute Ada"]`);
      await until("Ada is muted", async () => (await page.$$(at("mute"))).length === 1);

      await press("drain");
      await shot("question");
      await press("confirm");
      await sees("draining");
      await press("undrain");
      await until("calls are taken again", async () => (await page.$(at("draining"))) === null);

      await press("end");
      await press("confirm");
      await ada.endedWith("removed");
      await bob.endedWith("removed");
      await sees("calls", (text) => text === "0");
      await press("past");
      await press("report");
      await until(
        "the report of the call is there",
        async () => (await page.$$('[data-testid="report-picture"]')).length === 2,
      );
      await shot("report");
      await page.reload();
      await sees("calls", (text) => text === "0");
    });
  }

  test("without keys it says what to do", async (t) => {
    const closed = await Server.start();
    t.after(() => closed.stop());
    const browser = await launch("chromium");
    t.after(() => browser.close());
    const page = await browser.newPage();
    await page.goto(`${closed.url}admin`);
    await page.type('[data-testid="operator-key"]', KEY);
    await page.click('[data-testid="operator-open"]');
    await until("it says so", async () =>
      (await page.$eval(".problem", (e) => e.textContent)).includes("api.keys in config.toml"),
    );
  });
});
