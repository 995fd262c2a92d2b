// The operator's application is told what happens: received and verified with the official library of Standard Webhooks.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Webhook } from "standardwebhooks";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

test("an application that uses the official library is told of a call", { timeout: 120_000 }, async (t) => {
  const secret = `whsec_${randomBytes(32).toString("base64")}`;
  const folder = mkdtempSync(join(tmpdir(), "tandem-webhook-"));
  const file = join(folder, "secret");
  writeFileSync(file, secret, { mode: 0o600 });

  const verifier = new Webhook(secret);
  const [told, faults] = [[], []];
  const receiver = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    try {
      told.push(verifier.verify(body, request.headers));
    } catch (error) {
      faults.push(`${error}: ${body}`);
    }
    response.writeHead(204).end();
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${receiver.address().port}/tandem ${file}`;
  const server = await Server.start({ TANDEM__WEBHOOKS__ENDPOINTS: endpoint });
  t.after(async () => {
    await server.stop();
    receiver.closeAllConnections();
    receiver.close();
    rmSync(folder, { recursive: true });
  });

  const [ada, bob] = await Promise.all([0, 1].map(() => Person.open("chromium", server.url)));
  t.after(() => Promise.all([ada.close(), bob.close()]));
  const [adasId, bobsId] = [await ada.id(), await bob.id()];
  await ada.call(bobsId);
  await bob.click("answer");
  await ada.sees("hang-up");
  await ada.click("hang-up");
  await until("the end of the room", () => told.some(({ type }) => type === "room.ended"));
  assert.deepEqual(faults, []);
  const types = told.map(({ type }) => type);
  for (const type of [
    "call.started",
    "call.answered",
    "call.ended",
    "room.started",
    "participant.joined",
    "participant.left",
  ]) {
    assert.ok(types.includes(type), `${type} is not in ${types}`);
  }
  const started = told.find(({ type }) => type === "call.started").data;
  assert.deepEqual([started.caller_id, started.callee_id], [adasId, bobsId]);
  // What another key signed is not taken.
  const other = new Webhook(`whsec_${randomBytes(32).toString("base64")}`);
  const body = JSON.stringify(told[0]);
  const signature = other.sign("1", new Date(), body);
  const headers = {
    "webhook-id": "1",
    "webhook-timestamp": `${Math.floor(Date.now() / 1000)}`,
    "webhook-signature": signature,
  };
  assert.throws(() => verifier.verify(body, headers));
});
