// A way to the server that can be cut.

import { connect, createServer } from "node:net";

/** The way to the server, which can go silent as a dying network does, or break. Media does not come by here. */
export class Wire {
  static async to(port) {
    const wire = new Wire();
    wire.pairs = new Set();
    wire.port = port;
    wire.server = createServer((near) => {
      if (wire.silent) return near.pause();
      const pair = [near, connect(wire.port, "localhost")];
      wire.pairs.add(pair);
      for (const [from, to] of [pair, pair.toReversed()]) {
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    });
    await new Promise((done) => wire.server.listen(0, "localhost", done));
    wire.url = `http://localhost:${wire.server.address().port}/`;
    return wire;
  }

  /** Whoever comes from now on comes to another server, as by a load balancer. */
  leadTo(port) {
    this.port = port;
  }

  cut() {
    for (const pair of this.pairs) for (const end of pair) end.destroy();
    this.pairs.clear();
  }

  goSilent() {
    this.silent = true;
    for (const pair of this.pairs) for (const end of pair) end.unpipe().pause();
  }

  comeBack() {
    this.silent = false;
    this.cut();
  }

  close() {
    this.cut();
    this.server.close();
  }
}
