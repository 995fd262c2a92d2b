// Joins a listener outside of a namespace with a port of 127.0.0.1 inside of it: WebDriver's way to a Firefox in the laboratory.
// node relay.mjs <port>, run inside the namespace; the listener comes over the channel to the parent.

import { connect } from "node:net";

const port = Number(process.argv[2]);

process.once("message", (_text, listener) => {
  listener.on("connection", (near) => {
    const far = connect(port, "127.0.0.1");
    near.pipe(far).pipe(near);
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
  });
});
process.once("disconnect", () => process.exit());
