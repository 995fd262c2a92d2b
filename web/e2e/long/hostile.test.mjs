// Whatever people write stays a text: as a name, as a message, in a history and in what a room is called.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { payloads } from "../support/payloads.mjs";
import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

/** Messages that one may write at once, and then five a second: several payloads share one. */
const TOGETHER = 4;

const NAME_CHARS_MAX = 64;

/** Notes in a page what a payload would do. */
function watchHarm() {
  window.__harm = [];
  addEventListener("securitypolicyviolation", (event) =>
    window.__harm.push(`policy: ${event.violatedDirective} ${event.blockedURI}`),
  );
  for (const name of ["alert", "confirm", "prompt", "open"]) {
    window[name] = () => {
      window.__harm.push(name);
      return null;
    };
  }
}

describe("hostile texts", { timeout: 300_000 }, () => {
  const all = payloads();
  let server;
  let ada;
  let bob;
  let other;

  before(async () => {
    server = await Server.start();
    ada = await Person.open("chromium", server.url);
    bob = await Person.open("chromium", server.url);
    other = await ada.tab(server.url);
    for (const person of [ada, bob, other]) {
      await person.page.evaluateOnNewDocument(watchHarm);
      await person.page.reload();
      await person.online();
    }
    await ada.call(await bob.id());
    await bob.click("answer");
    await bob.seesAndHears();
  });

  after(async () => {
    await ada?.close();
    await bob?.close();
    await server?.stop();
  });

  const fill = async (person, field, words) => {
    await person.page.$eval(
      person.at(field),
      (e, words) => {
        e.value = words;
        e.dispatchEvent(new Event("input", { bubbles: true }));
      },
      words,
    );
    await person.page.focus(person.at(field));
  };

  const assertUnharmed = async () => {
    for (const person of [ada, bob, other]) {
      assert.deepEqual(await person.page.evaluate(() => [window.__hit ?? null, window.__harm]), [null, []]);
      const strange = await person.page.$$eval("body script, iframe, object, embed, base, form[action], a", (found) =>
        found
          .filter((e) => !(e.tagName === "SCRIPT" && e.src.startsWith(location.origin)))
          .filter((e) => !(e.tagName === "A" && /^https?:$/.test(e.protocol)))
          .map((e) => e.outerHTML),
      );
      assert.deepEqual(strange, []);
    }
  };

  test(`${all.length} messages`, async () => {
    assert.ok(all.length >= 200, `${all.length}`);
    await ada.page.bringToFront();
    await ada.click("chat");
    await bob.click("chat");
    const written = [];
    for (let n = 0; n < all.length; n += TOGETHER) {
      const words = all.slice(n, n + TOGETHER).join(" ");
      await fill(ada, "chat-input", words);
      await ada.page.keyboard.press("Enter");
      written.push(words);
      const count = written.length;
      await until("it has come", () =>
        bob.page.$$eval('[data-testid="message"] .message-text', (e, count) => e.length >= count, count),
      );
    }
    const read = await bob.page.$$eval('[data-testid="message"] .message-text', (e) => e.map((one) => one.textContent));
    // The server takes out what cannot be seen; nothing else is changed.
    const seen = (text) => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029\s]/gu, "");
    assert.deepEqual(read.map(seen), written.map(seen));
    await assertUnharmed();
  });

  test("as many names", async () => {
    await other.page.bringToFront();
    let shown = 0;
    for (const payload of all) {
      const name = payload.slice(0, NAME_CHARS_MAX);
      // Plain ones are shown as they are.
      if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(name)) {
        await fill(other, "name", name);
        await other.page.keyboard.press("Enter");
        continue;
      }
      await until(`Bob sees ${name}`, async () => {
        // Nobody types as fast, so it may be overtaken by the one before; a name that is sent already is not sent again.
        await fill(other, "name", name);
        await other.page.keyboard.press("Enter");
        return bob.page.$$eval(".name-words", (e, name) => e.some((one) => one.textContent === name), name);
      });
      shown += 1;
    }
    assert.ok(shown >= 150, `${shown}`);
    await assertUnharmed();
  });

  test("and a history that tells of them", async () => {
    await fill(other, "name", all[0]);
    await other.page.keyboard.press("Enter");
    await ada.click("hang-up");
    await bob.sees("ended");
    await bob.goHome();
    await bob.sees("recent-call");
    await ada.goHome();
    await ada.call(await bob.id());
    await bob.sees("incoming");
    await assertUnharmed();
    await bob.click("decline");
    await ada.endedWith("declined");
  });
});
