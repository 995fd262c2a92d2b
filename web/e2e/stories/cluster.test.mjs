// Two people at the pages of two nodes that share a Redis: they call, see and hear each other, write, and hang up as on one; also while
// Redis is gone. And what becomes of a room whose node is killed.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { sharedStore } from "../support/postgres.mjs";
import { Redis } from "../support/redis.mjs";
import { gets, joinBy, makeLink, participantId } from "../support/room.mjs";
import { Server } from "../support/server.mjs";
import { Wire } from "../support/wire.mjs";

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

describe("three nodes that share a database", () => {
  let redis;
  let nodes;
  let wires;

  before(async () => {
    redis = await Redis.start();
    const store = await sharedStore();
    nodes = [];
    for (const name of ["a", "b", "c"]) nodes.push(await Server.start({ ...store, ...redis.node(name) }));
    for (const node of nodes) {
      const others = async () => (await node.metric('tandem_cluster_nodes{state="heard"}')) === 2;
      await until("a node hears the others", others);
    }
    wires = await Promise.all(nodes.map((node) => Wire.to(node.port)));
  });

  after(async () => {
    for (const wire of wires ?? []) wire.close();
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await redis?.stop();
  });

  test("a room of three, one at each, is at another node when its own is killed", { timeout: 240_000 }, async (t) => {
    const people = [];
    t.after(() => Promise.all(people.map((person) => person.close())));
    for (const wire of wires) people.push(await Person.open("chromium", wire.url));
    const [ada] = people;
    const link = await makeLink(ada, { name: "Stand-up" });
    for (const person of people) await joinBy(person, link);
    const ids = [];
    for (const person of people) ids.push(await participantId(person));
    const hears = async (person, patience) => {
      const me = await participantId(person);
      const keys = ids.filter((id) => id !== me).flatMap((id) => [`${id}/camera`, `${id}/microphone`]);
      await gets(person, keys, patience);
    };
    for (const person of people) await hears(person);

    const began = Date.now();
    await nodes[0].kill();
    // Ada's browser is taken to another node, and the others stay where they are.
    wires[0].leadTo(nodes[1].port);
    wires[0].cut();
    await Promise.all(people.map((person) => hears(person, 30_000)));
    console.log(`everybody sees and hears everybody ${Date.now() - began} ms after the node was killed`);
    assert.deepEqual(
      await Promise.all(people.map(participantId)),
      ids,
      "it is the same room, with the same people in it",
    );
    // Whoever is in it may be taken to another node, and its link is good on each that is left.
    wires[2].leadTo(nodes[1].port);
    wires[2].cut();
    await Promise.all(people.map((person) => hears(person, 30_000)));
    const late = await Person.open("chromium", wires[1].url);
    people.push(late);
    await joinBy(late, link);
    const voices = ids.map((id) => `${id}/microphone`);
    await gets(late, voices, 30_000);
    for (const person of people) {
      await person.click("hang-up");
      await person.loses("hang-up");
    }
  });

  test("a direct call goes on when its node is killed", { timeout: 180_000 }, async (t) => {
    // Both pages are at the node that has the call.
    const [, at, other] = nodes;
    const wire = await Wire.to(at.port);
    const people = [await Person.open("chromium", wire.url), await Person.open("chromium", wire.url)];
    t.after(async () => {
      await Promise.all(people.map((person) => person.close()));
      wire.close();
    });
    const [caller, callee] = people;
    await callee.online();
    await caller.call(await callee.id());
    await callee.sees("incoming");
    await callee.click("answer");
    for (const person of people) {
      await person.onPath("direct");
      await person.seesAndHears();
    }
    await at.kill();
    wire.leadTo(other.port);
    wire.cut();
    for (const person of people) await person.seesAndHears();
    await until("the call is at the other node", async () => (await other.metric("tandem_participants")) === 2);
    for (const person of people) {
      await person.seesAndHears();
      assert.equal(await person.data("path", "path"), "direct");
    }
    await callee.click("hang-up");
    for (const person of people) await person.endedWith("hung_up");
  });
});
