// A load balancer for TCP: each client is kept at a node, and comes to another one when that does not accept it.
// node balancer.mjs <port> <address>..., run in the namespace; which client is kept at which node comes over the channel to the parent.

import { connect, createServer } from "node:net";

/** A node that is cut off answers nothing at all. */
const ACCEPTED_WITHIN_MS = 1000;

const [port, ...nodes] = process.argv.slice(2);
const kept = new Map();

process.on("message", ({ client, node }) => kept.set(client, node));
process.once("disconnect", () => process.exit());

const balancer = createServer((near) => {
  near.on("error", () => near.destroy());
  const first = kept.get(near.remoteAddress);
  reach(near, [...(first ? [first] : []), ...nodes.filter((node) => node !== first)]);
});
balancer.listen(Number(port), "0.0.0.0", () => process.send("ready"));

function reach(near, [node, ...others]) {
  if (node === undefined || near.destroyed) return near.destroy();
  const far = connect({ port: Number(port), host: node, timeout: ACCEPTED_WITHIN_MS });
  const next = () => {
    far.destroy();
    reach(near, others);
  };
  far.once("timeout", next);
  far.once("error", next);
  far.once("connect", () => {
    far.off("timeout", next).off("error", next).setTimeout(0);
    far.on("error", () => near.destroy());
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.setNoDelay(true);
      one.pipe(other);
      one.on("close", () => other.destroy());
    }
  });
}
