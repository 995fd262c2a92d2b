// One user on two devices: the code of one, given on the other by its link or by hand, is good once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

let server;

before(async () => {
  server = await Server.start();
});

after(() => server?.stop());

test("an id comes to another device by a code, and rings on both", { timeout: 120_000 }, async (t) => {
  const open = async (options) => {
    const person = await Person.open("chromium", server.url, options);
    t.after(() => person.close());
    await person.id();
    return person;
  };
  const shot = (person, name) =>
    process.env.TANDEM_SHOTS && person.screenshot(`${process.env.TANDEM_SHOTS}/${name}.png`);
  const [ada, phone, bob] = await Promise.all([open(), open({ width: 390, height: 844 }), open()]);
  await ada.type("name", "Ada");
  await ada.page.keyboard.press("Enter");
  await ada.click("pair");
  await ada.sees("pair-code");
  const code = await ada.text("pair-code");
  assert.match(code, /^[0-9a-z]{5}-[0-9a-z]{5}$/);
  await shot(ada, "pair");

  const before = phone.shownId;
  await phone.click("take-pairing");
  await phone.type("pair-input", "00000-00000");
  await phone.click("look-at-pairing");
  await phone.sees("pair-wrong");
  await phone.type("pair-input", code.toUpperCase());
  await phone.click("look-at-pairing");
  await phone.sees("pairing-seen");
  const asked = await phone.text("pairing-seen");
  assert.ok(asked.includes("Ada") && asked.includes(ada.shownId), asked);
  await shot(phone, "take-pairing");
  await phone.click("use-pairing");
  await until("the phone is Ada", async () => (await phone.id()) === ada.shownId);
  assert.notEqual(before, ada.shownId);
  await ada.sees("pair-used");
  assert.match(await ada.text("pair-used"), /Chrome, Linux/);
  await shot(ada, "pair-used");
  await ada.page.keyboard.press("Escape");

  // By its link the code is not good any more.
  await bob.page.goto(`${server.url}#pair=${code.replace("-", "")}`);
  await bob.sees("pair-wrong");
  assert.equal(await bob.page.evaluate(() => location.hash), "");
  await bob.page.keyboard.press("Escape");
  await bob.call(ada.shownId);
  await Promise.all([ada.sees("answer"), phone.sees("answer")]);
  await phone.click("answer");
  await bob.seesAndHears();
  await ada.loses("answer");
  await phone.click("hang-up");
  // After a reload too.
  await phone.page.reload();
  assert.equal(await phone.id(), ada.shownId);

  await ada.click("back-home");
  // One more by the link, which is called off before it is given.
  await ada.click("pair");
  await ada.sees("pair-code");
  const next = await ada.text("pair-code");
  const other = await open();
  await other.page.evaluate(
    (hash) => {
      location.hash = hash;
    },
    `pair=${next.replace("-", "")}`,
  );
  await other.sees("pairing-seen");
  await ada.click("cancel-pairing");
  // Until the server has heard of it.
  await sleep(1_000);
  await other.click("use-pairing");
  await other.sees("pair-wrong");
  await other.page.keyboard.press("Escape");

  // The phone is lost: its page ends, and it is whoever it was before.
  await ada.click("browsers");
  await until("both are listed", async () => (await ada.page.$$('[data-testid="browser"]')).length === 2);
  await shot(ada, "browsers");
  assert.equal(
    await ada.page.$eval('[data-testid="browser"][data-this="true"]', (row) => row.innerText.includes("Chrome, Linux")),
    true,
  );
  await ada.click("sign-browser-out");
  await until("one is listed", async () => (await ada.page.$$('[data-testid="browser"]')).length === 1);
  await until("the phone is not Ada any more", async () => (await phone.id()) === before);
  await phone.sees("toast");
  assert.match(await phone.text("toast"), /signed out/);
  await shot(phone, "signed-out");
  await phone.page.reload();
  assert.equal(await phone.id(), before);
  await ada.page.keyboard.press("Escape");
  await bob.click("back-home");
  await bob.call(ada.shownId);
  await ada.sees("answer");
  await phone.loses("answer");
});
