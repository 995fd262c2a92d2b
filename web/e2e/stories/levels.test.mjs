// The level meter, and "you are muted" for someone who speaks. Only Chromium plays a file as its microphone: Firefox's fake device
// is a steady tone of its own, so there the meter is seen to move, and the hint to
// come, but not that silence makes them go.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";
import { writeBursts } from "../support/wav.mjs";

/** Of the meter's hundred; room noise is below 35. */
const LOUD = 35;
const QUIET = 15;

for (const kind of ["chromium", "firefox"]) {
  describe(`the microphone's level in ${kind}`, { timeout: 120_000 }, () => {
    let folder;
    let server;
    let ada;
    let bob;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "tandem-wav-"));
      const sound = join(folder, "speech.wav");
      writeBursts(sound, { seconds: 12, on: 2, off: 4 });
      server = await Server.start();
      ada = await Person.open(kind, server.url, { sound });
      bob = await Person.open(kind, server.url);
      await ada.call(await bob.id());
      await bob.click("answer");
      await ada.seesAndHears();
    });

    after(async () => {
      await ada?.close();
      await bob?.close();
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const level = () =>
      ada.page.$eval(ada.at("level"), (e) => Number(e.ariaValueNow ?? e.getAttribute("aria-valuenow")));

    test("the meter moves with the voice", async (t) => {
      await ada.click("devices");
      const loud = await until("the meter shows speech", async () => (await level()) >= LOUD && level());
      const quiet =
        kind === "chromium" &&
        (await until("the meter falls in a pause", async () => (await level()) <= QUIET && "yes"));
      t.diagnostic(`loud ${loud}, fell ${quiet}`);
      await ada.page.keyboard.press("Escape");
      await ada.loses("devices-dialog");
      assert.equal(await ada.has("speaking-muted"), false, "who is not muted needs no hint");
    });

    test("who speaks although muted is told, and who unmutes is left alone", async () => {
      await ada.click("mute");
      await until("muted", async () => (await ada.data("mute", "state")) === "off");
      await ada.sees("speaking-muted");
      if (kind === "chromium") {
        await ada.loses("speaking-muted", 8000);
        await ada.sees("speaking-muted");
      }
      await ada.page.$eval(`${ada.at("speaking-muted")} button`, (e) => e.click());
      await until("unmuted", async () => (await ada.data("mute", "state")) === "on");
      await ada.loses("speaking-muted", 1000);
      await ada.click("devices");
      await until("the meter moves again", async () => (await level()) >= LOUD);
    });
  });
}
