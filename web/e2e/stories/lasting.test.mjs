// What lasts: a missed call is found, called back, and what was written in it is found again after a restart of the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

/** Somebody's texts must stay texts. */
const HOSTILE = `<img src=x onerror="window.__hit=1"><script>window.__hit=1</script> javascript:alert(1) https://example.org/?q=<b>`;

for (const kind of (process.env.TANDEM_KINDS ?? "chromium,firefox").split(",")) {
  describe(`what lasts in ${kind}`, { timeout: 300_000 }, () => {
    let server;
    let ada;
    let bob;

    before(async () => {
      server = await Server.start({ TANDEM__CALLS__RING_TIMEOUT_S: "30" });
      ada = await Person.open(kind, server.url);
      bob = await Person.open(kind, server.url);
      await ada.online();
      await bob.online();
    });

    after(async () => {
      await ada?.close();
      await bob?.close();
      await server?.stop();
    });

    const rows = (person) =>
      person.page.$$eval('[data-testid="recent-call"]', (all) => all.map((one) => ({ ...one.dataset })));
    const texts = (person, within) =>
      person.page.$$eval(`${within} [data-testid="message"] .message-text`, (all) => all.map((one) => one.textContent));
    const write = async (person, words) => {
      await person.page.focus(person.at("chat-input"));
      await person.page.type(person.at("chat-input"), words);
      await person.page.keyboard.press("Enter");
    };
    /** Opens the menu of the message with these words, and takes an entry of it. */
    const pick = async (person, words, entry) => {
      const press = (words) => {
        const all = [...document.querySelectorAll('[data-testid="message"]')];
        const one = all.find((message) => message.querySelector(".message-text").textContent === words);
        one.querySelector('[data-testid="message-more"]').click();
      };
      await person.page.evaluate(press, words);
      await person.click(entry);
    };
    const sees = (person, words, within = '[data-testid="chat-panel"]') =>
      until(`${kind} reads ${words}`, async () => (await texts(person, within)).includes(words));

    test("a call that nobody answered waits with a badge, for one who was away as well", async () => {
      await ada.type("name", "Ada");
      await ada.page.keyboard.press("Enter");
      const id = await bob.id();
      await ada.call(id);
      await bob.sees("incoming");
      await ada.click("cancel");
      await bob.loses("incoming");
      // Away: the page is gone, and its session with it.
      const url = bob.page.url();
      await bob.page.goto("about:blank");
      await ada.goHome();
      await until("nobody can be reached any more", async () => {
        await ada.goHome();
        await ada.call(id);
        return until("the call ends", () => ada.data("ended", "reason"), 3_000).then(
          (reason) => reason === "unreachable",
          async () => {
            await ada.click("cancel");
            return false;
          },
        );
      });
      await bob.page.goto(url);
      // A call that rang while the page was away is told first.
      await bob.goHome();
      await bob.sees("missed-count");
      const found = await until("the missed calls are listed", async () => {
        const all = await rows(bob);
        return all.length >= 2 && all;
      });
      assert.equal(found[0].reason, "unreachable");
      assert.equal(found.at(-1).reason, "cancelled");
      for (const one of found) assert.deepEqual([one.missed, one.unseen], ["true", "true"]);
      assert.ok((await bob.text("missed-count")).includes(String(found.length)));
      await bob.loses("missed-count", 15_000);
    });

    test("one click calls back", async () => {
      await ada.goHome();
      await bob.click("call-back");
      await ada.click("answer");
      for (const one of [ada, bob]) await one.seesAndHears();
    });

    test("they write to each other, and texts stay texts", async () => {
      await ada.click("chat");
      await write(ada, HOSTILE);
      await until(
        "it is counted as unread",
        async () => (await bob.has("unread")) && (await bob.text("unread")) === "1",
      );
      await bob.click("chat");
      await sees(bob, HOSTILE);
      await bob.loses("unread");
      const links = await bob.page.$$eval(".message-text a", (all) =>
        all.map((a) => [a.href, a.rel, a.target, a.textContent]),
      );
      assert.deepEqual(links, [
        ["https://example.org/?q=", "noopener noreferrer nofollow", "_blank", "https://example.org/?q="],
      ]);
      assert.equal(await bob.page.evaluate(() => window.__hit), undefined);
      assert.equal(await bob.page.$$eval(".message-text img, .message-text script", (all) => all.length), 0);
      await write(bob, "to be changed");
      await sees(ada, "to be changed");
    });

    test("one's own message is changed and taken away", async () => {
      await pick(bob, "to be changed", "edit-message");
      await until("the field has it", () =>
        bob.page.$eval(bob.at("chat-input"), (field) => field.value === "to be changed"),
      );
      await bob.page.focus(bob.at("chat-input"));
      await bob.page.keyboard.type(" or not");
      await bob.page.keyboard.press("Enter");
      await sees(ada, "to be changed or not (edited)");
      await write(bob, "to be taken away");
      await sees(ada, "to be taken away");
      await pick(bob, "to be taken away", "delete-message");
      await sees(ada, "Message deleted");
      // Who made the call is its host, and the other is not.
      assert.equal(await ada.page.$$eval('[data-mine="false"] [data-testid="message-more"]', (all) => all.length), 0);
    });

    test("what is written while the server is away is sent when it is back, once", async () => {
      await server.kill();
      await bob.sees("connection-banner");
      await write(bob, "while it was away");
      await bob.sees("outgoing");
      await server.launch();
      await sees(ada, "while it was away");
      await bob.loses("outgoing");
      assert.equal(
        (await texts(bob, '[data-testid="chat-panel"]')).filter((one) => one === "while it was away").length,
        1,
      );
    });

    test("after the end, and another start of the server, it is found again by both", async () => {
      await bob.click("hang-up");
      await ada.endedWith("hung_up");
      await server.kill();
      await server.launch();
      for (const one of [ada, bob]) {
        await one.goHome();
        await one.page.reload();
        await one.click("past-chat");
        await sees(one, "while it was away", '[data-testid="past-chat-dialog"]');
        assert.deepEqual(await texts(one, '[data-testid="past-chat-dialog"]'), [
          HOSTILE,
          "to be changed or not (edited)",
          "Message deleted",
          "while it was away",
        ]);
      }
    });

    test("a call is deleted, then all, from one list and not from the other's", async () => {
      await ada.page.reload();
      await bob.page.reload();
      const before = await until("the calls are listed", async () => {
        const all = await rows(bob);
        return all.length > 0 && all;
      });
      await bob.click("call-more");
      await bob.click("forget-call");
      await until("one is gone", async () => (await rows(bob)).length === before.length - 1);
      await bob.click("forget-all");
      await bob.click("confirm-forget");
      await until("all are gone", async () => (await rows(bob)).length === 0);
      assert.ok((await rows(ada)).length > 0);
      assert.deepEqual(
        [ada.errors, bob.errors].flat().filter((one) => !/WebSocket|websocket|ws:/.test(one)),
        [],
      );
    });
  });
}
