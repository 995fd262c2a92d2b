// Two people at the pages of two nodes that share a Redis: they call, see and hear each other, write, and hang up as on one; also while
// Redis is gone.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Redis } from "../support/redis.mjs";
import { Server } from "../support/server.mjs";

describe("two nodes", () => {
  let redis;
  let nodes;

  before(async () => {
    redis = await Redis.start();
    nodes = await Promise.all(["one", "other"].map((name) => Server.start(redis.node(name))));
    for (const node of nodes) await hearsTheOther(node);
  });

  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await redis?.stop();
  });

  const hearsTheOther = (node) =>
    until("a node hears the other", async () => (await node.metric('tandem_cluster_nodes{state="heard"}')) === 1);

  for (const path of ["direct", "forwarded"]) {
    test(`a call from one to the other, ${path}, and Redis is killed in it`, { timeout: 180_000 }, async (t) => {
      const [caller, callee] = await Promise.all(nodes.map((node) => Person.open("chromium", node.url)));
      t.after(() => Promise.all([caller.close(), callee.close()]));
      if (path === "forwarded") await caller.setAlwaysThroughServer(true);
      await callee.online();
      await caller.call(await callee.id());
      await callee.sees("incoming");
      await callee.click("answer");
      for (const person of [caller, callee]) {
        await person.onPath(path);
        await person.seesAndHears();
      }
      const connections = async () => {
        const routes = await Promise.all([caller, callee].map((person) => person.routes()));
        return routes.flat().filter((route) => route.path !== null).length;
      };
      const before = await connections();

      await redis.kill();
      for (const node of nodes) {
        await until("a node knows that Redis is gone", async () => (await node.metric("tandem_cluster_bus_up")) === 0);
      }
      for (const person of [caller, callee]) await person.seesAndHears();
      await redis.launch();
      for (const node of nodes) await hearsTheOther(node);
      for (const person of [caller, callee]) {
        await person.seesAndHears();
        await person.onPath(path);
        assert.equal(await person.data("path", "path"), path);
      }
      assert.equal(await connections(), before, "a connection was made anew");

      // The page of the other node's visitor is loaded anew, and finds its call.
      await callee.page.reload();
      await callee.sees("hang-up");
      for (const person of [caller, callee]) await person.seesAndHears();
      await callee.click("hang-up");
      for (const person of [caller, callee]) await person.endedWith("hung_up");
      for (const node of nodes) {
        await until("nothing is left", async () => (await node.metric("tandem_cluster_visitors")) === 0);
      }
      assert.deepEqual(caller.errors, [], "the caller's page complains");
    });
  }
});
