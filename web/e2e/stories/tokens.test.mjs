// Sign-in with the operator's own tokens: who has one calls and is called, who has none is told where to get one.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";
import { sign, takesTokens } from "../support/token.mjs";

const ROOM = "0stand1ngr00m";
const SIGN_IN = "https://intranet.example.org/calls";

describe("with tokens", { timeout: 300_000 }, () => {
  let server;

  before(async () => {
    server = await Server.start(takesTokens({ TANDEM__AUTH__SIGN_IN_URL: SIGN_IN }));
  });

  after(() => server?.stop());

  const open = async (t, kind, claims, path = "") => {
    const person = await Person.open(kind, `${server.url}${path}#token=${sign(claims)}`);
    t.after(() => person.close());
    return person;
  };

  for (const kind of ["chromium", "firefox"]) {
    test(`${kind} and Chromium call each other, signed in by tokens`, async (t) => {
      const ada = await open(t, kind, { sub: `ada ${kind}`, name: "Ada" });
      const bob = await open(t, "chromium", { sub: `bob ${kind}`, name: "Bob" });
      assert.equal(await ada.page.evaluate(() => location.hash), "", "the token is not in the address any more");
      const stored = await ada.page.evaluate(() => [localStorage, sessionStorage].map((s) => JSON.stringify(s)));
      assert.ok(!stored[0].includes("eyJ") && stored[1].includes("eyJ"), "it is kept for this tab alone");
      await ada.call(await bob.id());
      await bob.click("answer");
      await ada.seesAndHears();
      await bob.seesAndHears();
      // A page that is loaded again goes on with its session, and with its call.
      await bob.page.reload();
      await bob.sees("hang-up");
      await bob.seesAndHears();
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
      const again = await open(t, "chromium", { sub: `ada ${kind}`, name: "Ada" });
      assert.equal(await again.id(), await ada.text("my-id").catch(() => again.shownId));
      assert.equal(await again.page.$eval(again.at("name"), (e) => e.disabled), true, "the name comes with the token");
    });

    test(`${kind} without a good token sees where to get one`, async (t) => {
      const spoiled = sign({ sub: "eve" }, "another secret of thirty-two bytes");
      for (const hash of ["", `#token=${spoiled}`, `#token=${sign({ sub: "eve", exp: 1 })}`, "#token=nonsense"]) {
        const eve = await Person.open(kind, `${server.url}${hash}`);
        t.after(() => eve.close());
        await eve.sees("signed-out");
        await eve.sees("sign-in");
        assert.equal(await eve.page.$eval(eve.at("sign-in"), (e) => e.href), SIGN_IN);
        assert.equal(await eve.page.evaluate(() => location.hash), "");
        assert.ok(!(await eve.has("my-id")));
        if (process.env.TANDEM_SHOTS && hash === "") await eve.screenshot(`${process.env.TANDEM_SHOTS}/${kind}.png`);
        // The same page, and a token that is good: the application's link to a page that is open already.
        if (hash !== "#token=nonsense") continue;
        await eve.page.evaluate(
          (hash) => {
            location.hash = hash;
          },
          `token=${sign({ sub: "eve", name: "Eve" })}`,
        );
        await eve.id();
        await until("the name is there", async () => (await eve.page.$eval(eve.at("name"), (e) => e.value)) === "Eve");
      }
    });
  }

  test("a token for a room leads there, and one that may not send sends nothing", async (t) => {
    const video = { room: ROOM, roomJoin: true };
    const host = await open(t, "chromium", { sub: "host", video: { ...video, roomCreate: true, roomAdmin: true } });
    await host.click("join-room");
    await host.sees("hang-up");
    const guest = await open(t, "chromium", { sub: "guest", video: { ...video, canPublish: false } });
    await guest.click("join-room");
    await guest.sees("hang-up");
    await guest.seesAndHears();
    assert.ok(!(await guest.has("camera")) && !(await guest.has("mute")) && !(await guest.has("share-screen")));
    assert.equal(await guest.liveTracks(), 0);
    assert.equal((await host.received()).frames, 0);
    await guest.click("hang-up");
    await guest.click("back-home");
    await guest.sees("own-room");
    assert.ok(!(await guest.has("call-input")));
  });
});
