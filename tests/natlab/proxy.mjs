// An HTTP proxy as companies have them: CONNECT to port 443, and nothing else.   node proxy.mjs <address> <port>

import { createServer } from "node:http";
import { connect } from "node:net";

const [address, port] = process.argv.slice(2);

const proxy = createServer((_request, response) => response.writeHead(403).end());
proxy.on("connect", (request, near, head) => {
  const target = new URL(`tcp://${request.url}`);
  if (target.port !== "443") return near.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  const far = connect(Number(target.port), target.hostname.replace(/^\[|\]$/g, ""));
  far.once("connect", () => {
    near.write("HTTP/1.1 200 Connection established\r\n\r\n");
    far.write(head);
    near.pipe(far).pipe(near);
  });
  for (const [one, other] of [
    [near, far],
    [far, near],
  ]) {
    one.setNoDelay(true);
    one.on("error", () => other.destroy());
    one.on("close", () => other.destroy());
  }
});
proxy.listen(Number(port), address, () => console.log("ready"));
