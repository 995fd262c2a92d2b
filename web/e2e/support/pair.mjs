// A server and two people at it, each in a browser of their own: where most stories begin.

import assert from "node:assert/strict";

import { Person } from "./person.mjs";
import { Server } from "./server.mjs";

export class Pair {
  static async open(kind, environment = {}, options = {}) {
    const pair = new Pair();
    pair.server = await Server.start(environment);
    pair.ada = await Person.open(kind, pair.server.url, options);
    pair.bob = await Person.open(kind, pair.server.url, options);
    return pair;
  }

  async close() {
    await this.ada.close();
    await this.bob.close();
    await this.server.stop();
  }

  /** From the home page into a call in which both see and hear, on this path. */
  async talk(path, from = this.ada, to = this.bob) {
    await from.goHome();
    await to.goHome();
    await from.setAlwaysThroughServer(path === "forwarded");
    await from.call(await to.id());
    await to.click("answer");
    for (const one of [from, to]) {
      await one.onPath(path);
      await one.seesAndHears();
    }
  }

  async hangUp(by, other) {
    await by.click("hang-up");
    await other.endedWith("hung_up");
    assert.equal(await this.server.metric('tandem_calls{state="answered"}'), 0);
  }
}
