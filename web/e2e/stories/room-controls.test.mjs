// What three people in a room do besides talking: other layouts, pins, hands, reactions, and what a host decides about the others.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { SMALL_CAMERA } from "../support/camera.mjs";
import { Person, until } from "../support/person.mjs";
import { gets, joinBy, makeLink, participantId, tilesOf } from "../support/room.mjs";
import { Server } from "../support/server.mjs";

/** Three browsers send to each other on one machine. */
const SMALL = { cameraSize: SMALL_CAMERA };

describe("three in a room", { timeout: 600_000 }, () => {
  let server;
  let link;
  const people = [];
  let ada;
  let bob;
  let cleo;
  const ids = {};

  before(async () => {
    server = await Server.start();
    for (let at = 0; at < 3; at++) people.push(await Person.open("chromium", server.url, SMALL));
    [ada, bob, cleo] = people;
    link = await makeLink(ada, { name: "Controls" });
    for (const one of people) {
      await joinBy(one, link);
      await one.sees("hang-up");
    }
    await until("all are seen", async () => (await tilesOf(ada)).length === 2, 60_000);
    for (const [name, one] of Object.entries({ bob, cleo })) ids[name] = await participantId(one);
  });

  after(async () => {
    for (const one of people) await one.close();
    await server?.stop();
  });

  const tileOf = (id) => `[data-testid="tile"][data-participant="${id}"]`;
  const clickIn = (person, where, testId) => person.page.$eval(`${where} [data-testid="${testId}"]`, (e) => e.click());
  const isLayout = (person, layout) =>
    until(`the layout is ${layout}`, async () => (await person.data("layout", "layout")) === layout);
  const widthOf = (person, id) => person.page.$eval(tileOf(id), (tile) => tile.offsetWidth);
  const row = (person, id, field) =>
    person.page
      .$eval(`[data-testid="participant"][data-participant="${id}"]`, (e, name) => e.dataset[name] ?? null, field)
      .catch(() => null);

  test("the grid becomes the speaker view and back, and a pin is large", async () => {
    await isLayout(ada, "grid");
    assert.equal((await ada.page.$$('[data-testid="tile"]')).length, 3);
    await ada.page.keyboard.press("v");
    await isLayout(ada, "speaker");
    await ada.click("switch-layout");
    await isLayout(ada, "grid");
    await clickIn(ada, tileOf(ids.cleo), "pin");
    await isLayout(ada, "speaker");
    await until(
      "the pinned one is larger than the other",
      async () => (await widthOf(ada, ids.cleo)) > 2 * (await widthOf(ada, ids.bob)),
    );
    await until("both are still seen", async () => (await tilesOf(ada)).length === 2);
    await clickIn(ada, tileOf(ids.cleo), "pin");
    await isLayout(ada, "grid");
  });

  test("a tab that lies under another one gets sound alone, until it is seen again", async () => {
    const cover = await bob.browser.newPage();
    let last = await bob.received();
    await until("sound comes, and no picture", async () => {
      await sleep(1_000);
      const [before, now] = [last, await bob.received()];
      last = now;
      // What looks for bandwidth may be counted as well.
      return now.videoPackets < before.videoPackets + 5 && now.audioPackets > before.audioPackets + 20;
    });
    await cover.close();
    await bob.page.bringToFront();
    const others = [await participantId(ada), ids.cleo];
    await gets(
      bob,
      others.map((id) => `${id}/camera`),
    );
  });

  test("hands keep their order, and a reaction rises", async () => {
    await ada.click("participants");
    await cleo.click("raise-hand");
    await until("Cleo is first", async () => (await row(ada, ids.cleo, "hand")) === "1");
    await bob.page.keyboard.press("r");
    await until("Bob is second", async () => (await row(ada, ids.bob, "hand")) === "2");
    await cleo.click("raise-hand");
    await until("Bob moved up", async () => (await row(ada, ids.bob, "hand")) === "1");
    await bob.click("react");
    await bob.click("react-party");
    await until("Ada sees it", () => ada.page.$eval(`${tileOf(ids.bob)} .bubble`, (e) => e.textContent === "🎉"));
  });

  test("a host mutes, locks and removes", async () => {
    const bobsRow = `[data-testid="participant"][data-participant="${ids.bob}"]`;
    await clickIn(ada, bobsRow, "more-of");
    await ada.click("mute-other");
    await until("Bob is muted", async () => (await bob.data("mute", "state")) === "off");
    assert.match(await bob.text("toast"), /muted you/);
    await bob.click("mute");
    await until("Bob has unmuted himself", async () => (await bob.data("mute", "state")) === "on");

    await ada.click("lock");
    const dora = await Person.open("chromium", new URL(link, server.url).href, SMALL);
    people.push(dora);
    await joinBy(dora, link);
    await until("the door is locked", async () => (await dora.data("problem", "code")) === "room_locked");
    assert.equal(await dora.liveTracks(), 0);

    await clickIn(ada, `[data-testid="participant"][data-participant="${ids.cleo}"]`, "more-of");
    await ada.click("remove-other");
    await ada.click("keep-other");
    await ada.loses("remove-dialog");
    assert.equal((await tilesOf(bob)).length, 2, "it is asked for again");
    await clickIn(ada, `[data-testid="participant"][data-participant="${ids.cleo}"]`, "more-of");
    await ada.click("remove-other");
    await ada.click("confirm-remove");
    await cleo.endedWith("removed");
    await until("nobody sees Cleo", async () => (await tilesOf(bob)).length === 1);
    for (const one of [ada, bob]) {
      await isLayout(one, "single");
      assert.deepEqual(one.errors, []);
    }
  });
});
