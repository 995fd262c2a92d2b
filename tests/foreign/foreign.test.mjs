// Stacks that nobody here wrote, against the real binary: each publishes and is decoded by others, receives and decodes, and says which
// features of SDP it used. werift speaks the websocket protocol with a page, the others WHIP and WHEP in a room.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { Person } from "../../web/e2e/support/person.mjs";
import { Server } from "../../web/e2e/support/server.mjs";
import { Child } from "./support/child.mjs";
import { features } from "./support/features.mjs";
import { Session } from "./support/session.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** How each stack's program is started. */
const STACKS = {
  aiortc: [here(".venv/bin/python"), here("stacks/aiortc_stack.py")],
  werift: [process.execPath, here("stacks/werift.mjs")],
  wrtc: [process.execPath, here("stacks/wrtc.mjs")],
  webrtcbin: ["/usr/bin/python3", here("stacks/webrtcbin.py")],
};

const TIMEOUT = { timeout: 120_000 };

describe("foreign stacks", { concurrency: false }, () => {
  let server;
  let host;
  let link;
  const children = [];

  /** Starts a stack, and ends it with the test. */
  function start(t, stack, ...parameters) {
    const [command, ...before] = STACKS[stack];
    const child = new Child(stack, command, [...before, ...parameters]);
    children.push(child);
    t.after(() => child.kill());
    return child;
  }

  async function told(child, what) {
    const { offer, answer } = await child.next("answered");
    console.log(`${child.name} ${what}: ${features(offer, answer)}`);
    return { offer, answer };
  }

  before(async () => {
    server = await Server.start();
    host = await Session.open(`ws://localhost:${server.port}/ws`, "Host");
    link = (await host.ask({ type: "create_link" })).link.link_id;
    await host.ask({ type: "join", link_id: link });
  });

  after(async () => {
    for (const child of children) child.kill();
    host?.close();
    await server?.stop();
  });

  test("werift and a page call each other by the websocket protocol", TIMEOUT, async (t) => {
    const page = await Person.open("chromium", server.url);
    t.after(() => page.close());
    const werift = start(t, "werift", "talk", `ws://localhost:${server.port}/ws`);
    const { user_id } = await werift.next("user");
    await page.call(user_id);
    await told(werift, "talks");
    const received = await werift.receives();
    // What the page sees is its own picture, back from werift.
    await page.seesAndHears();
    console.log(
      `werift received ${received.video} frames, ${received.audio} packets of sound; ${JSON.stringify(await page.received())}`,
    );
    await werift.end();
    await page.endedWith("hung_up");
  });

  for (const [publisher, viewers] of [
    ["wrtc", ["wrtc", "aiortc", "werift"]],
    ["aiortc", ["aiortc", "webrtcbin"]],
    ["webrtcbin", ["webrtcbin", "wrtc"]],
  ]) {
    test(`${publisher} publishes by WHIP, and ${viewers.join(", ")} watch by WHEP`, TIMEOUT, async (t) => {
      const base = `http://localhost:${server.port}`;
      const name = `by ${publisher}`;
      const publishing = start(t, publisher, "publish", `${base}/whip/${link}/${encodeURIComponent(name)}`);
      await told(publishing, "publishes");
      await publishing.next("state", ({ state }) => state === "connected");
      for (const stack of viewers) {
        const viewer = start(t, stack, "watch", `${base}/whep/${link}/${encodeURIComponent(name)}`);
        await told(viewer, "watches");
        const { video, audio } = await viewer.receives();
        console.log(`${viewer.name} received ${video} frames and ${audio} of sound from ${publisher}`);
        await viewer.end();
      }
      await publishing.end();
      assert.equal(await server.metric('tandem_resources{kind="whip"}'), 0);
      assert.equal(await server.metric('tandem_resources{kind="whep"}'), 0);
    });
  }

  // libnice sends no consent, and an ICE agent that is lite gives up after 15 s: the viewer's receiver reports stand in.
  test("webrtcbin watches for longer than consent lasts", TIMEOUT, async (t) => {
    const base = `http://localhost:${server.port}`;
    const publishing = start(t, "webrtcbin", "publish", `${base}/whip/${link}/long`);
    await publishing.next("state", ({ state }) => state === "connected");
    const viewer = start(t, "webrtcbin", "watch", `${base}/whep/${link}/long`);
    const began = Date.now();
    let last = await viewer.receives();
    while (Date.now() - began < 30_000) {
      const before = last;
      last = await viewer.next("received", (now) => now.video > before.video + 10);
      assert.equal(await server.metric('tandem_resources{kind="whep"}'), 1, `after ${Date.now() - began} ms`);
    }
    console.log(`webrtcbin watched for ${Date.now() - began} ms: ${last.video} frames, ${last.audio} of sound`);
    await viewer.end();
    await publishing.end();
  });
});
