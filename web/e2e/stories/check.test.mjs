// "Check my connection" against the real server: what is green has been reached, and the numbers have been measured. And quietly
// before the first call, where only what is bad is shown.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

const ROWS = ["udp", "tcp", "tls", "round_trip", "loss", "up_link", "camera", "microphone"];

const rowsOf = async (person) => {
  const row = async (id) => ({
    verdict: await person.data(`check-${id}`, "verdict"),
    ...JSON.parse(await person.data(`check-${id}`, "values")),
  });
  return Object.fromEntries(await Promise.all(ROWS.map(async (id) => [id, await row(id)])));
};

const done = (person) =>
  until(`${person.kind} has the result`, async () => {
    const verdict = await person.data("check-result", "verdict");
    return verdict !== undefined && verdict !== "pending" && verdict;
  });

for (const kind of ["chromium", "firefox"]) {
  describe(`check my connection in ${kind}`, { timeout: 120_000 }, () => {
    let server;
    let ada;

    before(async () => {
      server = await Server.start();
      ada = await Person.open(kind, server.url);
      await ada.online();
    });

    after(async () => {
      await ada?.close();
      await server?.stop();
    });

    test("every row is found out in a few seconds", async (t) => {
      const began = Date.now();
      await ada.click("check");
      const verdict = await done(ada);
      const rows = await rowsOf(ada);
      t.diagnostic(`${verdict} after ${Date.now() - began} ms: ${JSON.stringify(rows)}`);
      if (process.env.TANDEM_SHOTS) await ada.screenshot(`${process.env.TANDEM_SHOTS}/check-${kind}.png`);
      assert.equal(rows.udp.verdict, "good");
      assert.equal(rows.camera.verdict, "good");
      assert.equal(rows.microphone.verdict, "good");
      assert.ok(rows.round_trip.ms >= 1 && rows.round_trip.ms < 300, "on one machine");
      assert.ok(rows.up_link.mbits > 0.2, "noise was sent");
      assert.ok(Date.now() - began < 10_000, "nobody waits for long");
      assert.deepEqual(ada.errors, []);
    });

    test("nothing stays open after it", async () => {
      await until("the server has no transport left", async () => {
        const [connecting, connected] = await Promise.all(
          ["connecting", "connected"].map((state) => server.metric(`tandem_transports{state="${state}"}`)),
        );
        return connecting === 0 && connected === 0;
      });
      assert.equal(await ada.liveTracks(), 0);
      const open = await ada.page.evaluate(
        () => window.__oracle.kept.filter((pc) => pc.connectionState !== "closed").length,
      );
      assert.equal(open, 0);
    });

    test("again, by keyboard, and closed with Escape", async () => {
      await ada.page.focus(ada.at("check-again"));
      await ada.page.keyboard.press("Enter");
      await until("it runs", async () => (await ada.data("check-result", "verdict")) === "pending");
      await done(ada);
      await ada.page.keyboard.press("Escape");
      await ada.loses("check-dialog");
    });
  });

  describe(`the quiet check in ${kind}`, { timeout: 120_000 }, () => {
    test("says nothing where nothing is bad, and what is bad where something is", async () => {
      const server = await Server.start();
      const bob = await Person.open(kind, server.url, { quietCheck: true });
      const eve = await Person.open(kind, server.url, { quietCheck: true, devices: "none" });
      try {
        const checked = (person) =>
          until(`${kind} has checked`, () =>
            person.page.evaluate(() => JSON.parse(localStorage.getItem("tandem.settings") ?? "{}").checkedAt > 0),
          );
        await checked(bob);
        assert.equal(await bob.has("check-notice"), false);
        await checked(eve);
        await eve.sees("check-notice");
        assert.equal(await eve.data("check-microphone", "verdict"), "bad");
        assert.equal(await eve.has("check-udp"), false, "what works is not shown");
      } finally {
        await bob.close();
        await eve.close();
        await server.stop();
      }
    });
  });
}
