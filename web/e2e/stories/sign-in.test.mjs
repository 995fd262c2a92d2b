// Sign-in with an OpenID Connect provider, a real one: who signs in calls and is called, who signs out is out, and a guest comes by a link.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { SignInProvider, STAYS_HERE, signInAs, signOutThere } from "../support/provider.mjs";
import { Server } from "../support/server.mjs";

describe("with a provider", { timeout: 180_000 }, () => {
  let provider;
  let server;

  before(async () => {
    provider = await SignInProvider.start();
    server = await Server.start(provider.environment({ TANDEM__AUTH__OIDC__GUESTS: "true" }));
  });

  after(async () => {
    await server?.stop();
    await provider?.stop();
  });

  const open = async (t, path = "", options = {}) => {
    const person = await Person.open("chromium", `${server.url}${path}`, { flags: STAYS_HERE, ...options });
    t.after(() => person.close());
    return person;
  };

  const shot = (person, name) =>
    process.env.TANDEM_SHOTS && person.screenshot(`${process.env.TANDEM_SHOTS}/${name}.png`);

  test("a provider that is away is found when it is back; two people sign in, call each other, and one signs out", async (t) => {
    const [ada, bob] = await Promise.all([open(t), open(t, "", { width: 390, height: 844 })]);
    await ada.sees("signed-out");
    await ada.click("sign-in");
    await ada.sees("sign-in-fault");
    assert.equal(await ada.data("sign-in-fault", "fault"), "provider_away");
    assert.equal(await ada.page.evaluate(() => location.hash), "");
    await shot(ada, "away");
    provider.serve(server.url);
    await until("the way to the provider is open", async () => {
      await ada.click("sign-in");
      return ada.page.waitForSelector("input[name=login]", { timeout: 3000 });
    });
    await bob.click("sign-in");
    await Promise.all([signInAs(ada, "ada"), signInAs(bob, "bob")]);
    for (const person of [ada, bob]) {
      await person.id();
      await until("the name is there", async () => (await person.page.$eval(person.at("name"), (e) => e.value)) !== "");
    }
    await shot(ada, "home");
    await shot(bob, "home-phone");
    assert.equal(await ada.page.$eval(ada.at("name"), (e) => `${e.value} ${e.disabled}`), "Ada true");
    const readable = await ada.page.evaluate(() => [document.cookie, JSON.stringify(localStorage)].join());
    assert.ok(!readable.includes("tandem.user") && !readable.includes("tandem="), readable);
    await ada.call(bob.shownId);
    await bob.click("answer");
    await ada.seesAndHears();
    await bob.seesAndHears();
    await ada.click("hang-up");
    await bob.endedWith("hung_up");
    await ada.click("back-home");

    const tab = await ada.tab(server.url);
    assert.equal(await tab.id(), ada.shownId, "another tab of hers is signed in too");
    await ada.click("sign-out");
    await signOutThere(ada);
    await ada.sees("signed-out");
    await tab.sees("signed-out");
    const cookies = await ada.browser.cookies();
    assert.ok(!cookies.some(({ name }) => /^(__Host-)?tandem/.test(name)), "no cookie is left");
    await ada.page.reload();
    await ada.sees("signed-out");
    // The provider has signed her out too: it asks who she is.
    await ada.page.bringToFront();
    await ada.click("sign-in");
    await signInAs(ada, "ada");
    assert.equal(await ada.id(), ada.shownId, "the same person has the same id");
  });

  test("an account of elsewhere is turned away, and a room's link leads back to its door", async (t) => {
    const ada = await open(t);
    await ada.click("sign-in");
    await signInAs(ada, "ada");
    await ada.click("create-room");
    await ada.sees("room-link");
    const path = new URL(await ada.text("room-link")).pathname.slice(1);
    await ada.click("enter-room");
    await ada.click("join-room");
    await ada.sees("hang-up");

    const eve = await open(t, path);
    await eve.click("sign-in");
    await signInAs(eve, "eve@elsewhere.example");
    await eve.sees("sign-in-fault");
    assert.equal(await eve.data("sign-in-fault", "fault"), "not_allowed");
    assert.equal(await eve.page.evaluate(() => location.pathname.slice(1)), path);
    await shot(eve, "not-allowed");
    await eve.click("be-guest");
    await eve.click("join-room");
    await eve.seesAndHears();
    await eve.page.reload();
    await eve.sees("hang-up");
    await eve.click("hang-up");
    await eve.click("back-home");
    await eve.sees("own-room");
    assert.ok(!(await eve.has("call-input")));
    await shot(eve, "guest");
    await eve.page.reload();
    await eve.sees("signed-out");
  });
});
