// How a call ends without having been a call, and what one browser profile with several tabs sees.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Pair } from "../support/pair.mjs";
import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

for (const kind of ["chromium", "firefox"]) {
  describe(`outcomes in ${kind}`, { timeout: 300_000 }, () => {
    let pair;
    let server;
    let ada;
    let bob;

    before(async () => {
      pair = await Pair.open(kind, { TANDEM__CALLS__RING_TIMEOUT_S: "5" });
      ({ server, ada, bob } = pair);
    });

    after(() => pair?.close());

    async function ring(from, to) {
      await from.goHome();
      await to.goHome();
      await from.call(await to.id());
      await to.sees("incoming");
      await from.sees("cancel");
    }

    test("declined", async () => {
      await ring(ada, bob);
      await bob.click("decline");
      await ada.endedWith("declined");
      await bob.loses("incoming");
      assert.equal(await ada.liveTracks(), 0);
    });

    test("cancelled", async () => {
      await ring(ada, bob);
      await ada.click("cancel");
      await bob.loses("incoming");
      await ada.loses("cancel");
      assert.equal(await server.metric('tandem_call_ended_total{reason="cancelled"}'), 1);
    });

    test("no answer, timed by the server", async () => {
      await ring(ada, bob);
      await ada.endedWith("no_answer");
      await bob.loses("incoming");
    });

    test("unreachable: nobody has this id", async () => {
      await ada.goHome();
      await ada.call("0000-0000-0001");
      await ada.endedWith("unreachable");
    });

    test("busy, and the call that makes it busy goes on", async () => {
      await ring(ada, bob);
      await bob.click("answer");
      await ada.sees("hang-up");
      const eve = await Person.open(kind, server.url);
      try {
        await eve.call(await bob.shownId);
        await eve.endedWith("busy");
      } finally {
        await eve.close();
      }
      await ada.seesAndHears();
      await bob.click("hang-up");
      await ada.endedWith("hung_up");
    });

    test("glare: both call at once, and it is one call", async () => {
      // On a busy machine one click may come after the other's ring; then the two have not met, and try again.
      let met = false;
      for (let round = 1; round <= 5 && !met; round++) {
        await ada.goHome();
        await bob.goHome();
        const [toAda, toBob] = [await ada.id(), await bob.id()];
        await Promise.all([ada.dial(toBob), bob.dial(toAda)]);
        const moment = Date.now() + 300;
        const [first, second] = await Promise.all([ada.clickAt("call", moment), bob.clickAt("call", moment)]);
        met = first && second;
        if (!met) {
          await (first ? bob : ada).click("decline");
          await (first ? ada : bob).endedWith("declined");
        }
      }
      assert.ok(met, "the two clicks never met");
      await Promise.all([ada.sees("hang-up"), bob.sees("hang-up")]);
      await ada.seesAndHears();
      await bob.seesAndHears();
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
    });

    test("two tabs of one person: calling the own id rings the other tab", async () => {
      const second = await ada.tab(server.url);
      try {
        await ada.goHome();
        const id = await ada.id();
        assert.equal(await second.id(), id, "the tabs are one user");
        await second.call(id);
        await ada.page.bringToFront();
        await ada.click("answer");
        await ada.sees("hang-up");
        await ada.seesAndHears();
        await ada.click("hang-up");
        await second.endedWith("hung_up");
      } finally {
        await second.close();
      }
    });

    test("all tabs ring, and stop when one answers", async () => {
      const second = await bob.tab(server.url);
      try {
        await ring(ada, bob);
        await second.sees("incoming");
        await second.click("answer");
        await bob.loses("incoming");
        await ada.sees("hang-up");
        await ada.click("hang-up");
        await second.endedWith("hung_up");
      } finally {
        await second.close();
        await bob.page.bringToFront();
      }
    });

    test("a call link calls with one click", async () => {
      await bob.goHome();
      const link = `${server.url}call/${await bob.id()}`;
      await ada.page.goto(link);
      await ada.click("call");
      await bob.sees("incoming");
      await bob.click("decline");
      await ada.endedWith("declined");
      await ada.page.goto(server.url);
    });

    test("the id stays the same over a reload and a restart of the server", async () => {
      await ada.goHome();
      const id = await ada.id();
      await ada.page.reload();
      assert.equal(await ada.id(), id);
      await server.kill();
      await ada.sees("connection-banner");
      await server.launch();
      await ada.loses("connection-banner");
      assert.equal(await ada.id(), id);
      await ada.page.reload();
      assert.equal(await ada.id(), id);
    });

    test("mute and camera off are seen by the other", async () => {
      await ring(ada, bob);
      await bob.click("answer");
      await ada.seesAndHears();
      await bob.click("camera");
      await until("the picture stops", async () => {
        const before = (await ada.received()).frames;
        await new Promise((resolve) => setTimeout(resolve, 700));
        return (await ada.received()).frames === before;
      });
      await bob.click("camera");
      await ada.seesAndHears();
      await bob.click("mute");
      await bob.click("mute");
      await ada.seesAndHears();
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
    });
  });
}

describe("a person without a camera to give", { timeout: 120_000 }, () => {
  for (const kind of ["chromium", "firefox"]) {
    test(`denied in ${kind}: it is said, and the call goes on`, async (t) => {
      const server = await Server.start();
      t.after(() => server.stop());
      const ada = await Person.open(kind, server.url, { camera: "deny" });
      t.after(() => ada.close());
      const bob = await Person.open("chromium", server.url);
      t.after(() => bob.close());
      await ada.call(await bob.id());
      await bob.click("answer");
      await ada.sees("hang-up");
      await ada.sees("problem");
      assert.match(await ada.data("problem", "code"), /^(camera|microphone)_denied$/);
      await ada.seesAndHears();
      await bob.click("hang-up");
      await ada.endedWith("hung_up");
    });
  }
});
