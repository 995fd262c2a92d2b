// Somebody else's website: the example pages, from an origin that is not the server's.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const EXAMPLES = join(import.meta.dirname, "../../examples");

export class Site {
  /** Go with every page, such as a content security policy. */
  headers = {};

  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => {
      const { pathname } = new URL(request.url, "http://site");
      // Browsers ask for it by themselves, and complain where there is none.
      if (pathname === "/favicon.ico") return response.writeHead(204).end();
      const name = /^\/([a-z]+\.html)$/.exec(pathname)?.[1];
      let page = null;
      try {
        page = name && readFileSync(join(EXAMPLES, name));
      } catch {
        page = null;
      }
      response.writeHead(page ? 200 : 404, { "content-type": "text/html; charset=utf-8", ...site.headers });
      response.end(page ?? "");
    });
    await new Promise((resolve) => site.server.listen(0, "127.0.0.1", resolve));
    site.origin = `http://localhost:${site.server.address().port}`;
    return site;
  }

  /** The address of an example that calls by way of this server. */
  page(name, server, wishes = {}) {
    return `${this.origin}/${name}.html?${new URLSearchParams({ server: new URL(server.url).origin, ...wishes })}`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
