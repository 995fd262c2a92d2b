// Whom one knows: contacts and who of them is here, who is blocked, and who may call.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Pair } from "../support/pair.mjs";
import { until } from "../support/person.mjs";

for (const kind of ["chromium", "firefox"]) {
  describe(`people in ${kind}`, { timeout: 300_000 }, () => {
    let pair;
    let ada;
    let bob;
    let bobsId;

    before(async () => {
      pair = await Pair.open(kind);
      ({ ada, bob } = pair);
      await ada.online();
      await bob.online();
      bobsId = await bob.id();
    });

    after(() => pair?.close());

    const contacts = (person) =>
      person.page.$$eval('[data-testid="contact"]', (all) =>
        all.map((one) => ({ ...one.dataset, name: one.querySelector(".people-name > span").textContent })),
      );
    const contactIs = (person, name, presence) =>
      until(`${name} is ${presence}`, async () => {
        const all = await contacts(person);
        return all.some((one) => one.name === name && one.presence === presence);
      });
    /** Calls Bob, and says how that ends. */
    const callEnds = async () => {
      await ada.goHome();
      await ada.call(bobsId);
      const reason = await until("the call ends", () => ada.data("ended", "reason"));
      await ada.goHome();
      return reason;
    };
    const inMenu = async (person, more, entry) => {
      await person.click(more);
      await person.click(entry);
    };

    test("a contact is added by id, and shows nothing while only one knows the other", async () => {
      await ada.click("new-contact");
      await ada.type("contact-id", "nonsense");
      await ada.click("save-contact");
      await ada.sees("contact-dialog");
      await ada.type("contact-id", bobsId.toUpperCase());
      await ada.type("contact-name", "Bob");
      await ada.click("save-contact");
      await contactIs(ada, "Bob", "offline");
    });

    test("a call brings the other into the recent calls, and one click into the contacts: now they see each other", async () => {
      await ada.click("call-contact");
      await bob.click("answer");
      for (const one of [ada, bob]) await one.seesAndHears();
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
      for (const one of [ada, bob]) await one.goHome();
      await bob.click("add-contact");
      await bob.loses("add-contact");
      await contactIs(ada, "Bob", "online");
      await contactIs(bob, await ada.id(), "online");
    });

    test("a contact is renamed, is seen in a call, and goes", async () => {
      await inMenu(bob, "contact-more", "rename-contact");
      await bob.type("contact-name", "Countess");
      await bob.click("save-contact");
      await contactIs(bob, "Countess", "online");
      const tab = await bob.tab(pair.server.url);
      try {
        await contactIs(tab, "Countess", "online");
        await bob.click("call-contact");
        await ada.click("answer");
        await contactIs(tab, "Countess", "in_call");
        await ada.click("hang-up");
        await contactIs(tab, "Countess", "online");
      } finally {
        await tab.close();
      }
      await ada.goHome();
      await bob.goHome();
      const url = ada.page.url();
      await ada.page.goto("about:blank");
      await contactIs(bob, "Countess", "offline");
      await ada.page.goto(url);
      await contactIs(bob, "Countess", "online");
    });

    test("who is blocked reaches nobody, sees nobody, and leaves no trace; unblocked, all is as before", async () => {
      const calls = await bob.page.$$eval('[data-testid="recent-call"]', (all) => all.length);
      await inMenu(bob, "contact-more", "block");
      await bob.click("confirm-block");
      await bob.sees("show-blocked");
      await contactIs(ada, "Bob", "offline");
      assert.equal(await callEnds(), "unreachable");
      assert.equal(await bob.has("incoming"), false);
      assert.equal(await bob.page.$$eval('[data-testid="recent-call"]', (all) => all.length), calls);
      await bob.page.reload();
      await bob.click("show-blocked");
      await bob.click("unblock");
      await bob.loses("blocked-user");
      await bob.page.keyboard.press("Escape");
      await contactIs(ada, "Bob", "online");
    });

    test("strangers do not ring where only contacts may, and contacts do, through the server if the callee wants it", async () => {
      await bob.switch("contacts-only", true);
      await bob.setAlwaysThroughServer(true);
      const stranger = await bob.tab(`${pair.server.url}/?user=stranger`);
      try {
        await stranger.online();
        await stranger.call(bobsId);
        await stranger.endedWith("unreachable");
      } finally {
        await stranger.close();
      }
      await ada.goHome();
      await ada.click("call-contact");
      await bob.click("answer");
      for (const one of [ada, bob]) {
        await one.onPath("forwarded");
        await one.seesAndHears();
      }
      const direct = (await ada.routes()).filter((route) => route.path === "direct" && route.frames > 0);
      assert.deepEqual(direct, []);
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
      await bob.goHome();
      await inMenu(bob, "contact-more", "forget-contact");
      await until("the list is empty", async () => (await contacts(bob)).length === 0);
      await ada.goHome();
      await contactIs(ada, "Bob", "offline");
      assert.equal(await callEnds(), "unreachable");
      assert.deepEqual([ada.errors, bob.errors].flat(), []);
    });
  });
}
