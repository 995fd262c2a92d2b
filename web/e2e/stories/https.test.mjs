// Another device in the house: HTTPS with the self-made certificate, at the machine's own address.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { after, before, describe, test } from "node:test";

import { Person } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

function ownAddress() {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find((address) => address.family === "IPv4" && !address.internal);
  assert.ok(found, "this machine has no address but loopback, which these stories need");
  return found.address;
}

describe("from another device", { timeout: 120_000 }, () => {
  let server;
  const address = ownAddress();

  before(async () => {
    server = await Server.start();
  });

  after(() => server?.stop());

  test("plain HTTP is sent to HTTPS on the same port", async () => {
    const answer = await fetch(`http://${address}:${server.port}/call/x`, { redirect: "manual" });
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get("location"), `https://${address}:${server.port}/call/x`);
  });

  for (const kind of ["chromium", "firefox"]) {
    test(`${kind} calls over HTTPS, and hears and sees`, async (t) => {
      const url = `https://${address}:${server.port}/`;
      const ada = await Person.open(kind, url);
      t.after(() => ada.close());
      const bob = await Person.open("chromium", url);
      t.after(() => bob.close());
      await ada.online();
      await ada.call(await bob.id());
      await bob.click("answer");
      await ada.seesAndHears();
      await bob.seesAndHears();
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
    });
  }
});
