// The laboratory at work: the network, the server under test, and people in it, each in a browser inside a client's namespace.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { executable } from "../../web/e2e/support/browsers.mjs";
import { Person } from "../../web/e2e/support/person.mjs";
import { Server } from "../../web/e2e/support/server.mjs";
import { Certificates } from "./certificates.mjs";
import { tearDown, within } from "./namespaces.mjs";
import { Network, PROXY_PORT, SERVER_NAME, SERVER_PORT } from "./network.mjs";

const HERE = import.meta.dirname;
export const URL_OF_PAGE = `https://${SERVER_NAME}/`;

const oneServer = ({ tls, network }) =>
  Server.start(tls, { listen: `[::]:${SERVER_PORT}`, within: within(network.server.namespace) });

export class Lab {
  /** `serve` starts what is at the name of the page, and gives what can be stopped: one server, or several with all that is theirs. */
  static async open(serve = oneServer) {
    const lab = new Lab();
    lab.network = new Network();
    lab.folder = mkdtempSync(join(tmpdir(), "tandem-natlab-"));
    // PostgreSQL, which is no root, keeps its files in a folder of its own in it.
    chmodSync(lab.folder, 0o711);
    // Whatever ends this process: nothing of the laboratory stays.
    process.once("exit", () => lab.remove());
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));
    lab.certificates = new Certificates(lab.folder);
    lab.home = join(lab.folder, "home");
    lab.certificates.trustIn(join(lab.home, ".pki", "nssdb"));
    lab.people = new Map();
    lab.helpers = [];
    lab.tls = {
      TANDEM__TLS__MODE: "files",
      TANDEM__TLS__CERTIFICATE: lab.certificates.certificate,
      TANDEM__TLS__KEY: lab.certificates.key,
    };
    lab.server = await serve(lab);
    return lab;
  }

  /** The person of this side ("a" calls, "b" answers) in this network; their browser stays open for their next call. */
  async person(kind, side, profile, more = {}) {
    const key = `${kind}-${side}-${profile}`;
    if (!this.people.has(key)) this.people.set(key, await this.openBrowser(kind, side, profile, more));
    const person = this.people.get(key);
    await person.page.goto(URL_OF_PAGE);
    await person.online();
    return person;
  }

  async openBrowser(kind, side, profile, more) {
    const client = this.network.client(side, profile);
    const { namespace } = client;
    // puppeteer starts a program and gives it parameters; this one goes into the namespace first.
    const program = join(this.folder, `${kind}-${namespace}`);
    writeFileSync(program, `#!/bin/sh\nexec ${within(namespace).join(" ")} ${executable(kind)} "$@"\n`);
    chmodSync(program, 0o755);
    const options = {
      ...more,
      executablePath: program,
      acceptInsecureCerts: false,
      env: { ...process.env, HOME: this.home },
    };
    if (client.profile.proxy) {
      if (kind === "firefox") throw new Error("the laboratory's Firefox knows no proxy");
      await this.startProxy(client);
      options.flags = [`--proxy-server=http://${client.uplink.gateway}:${PROXY_PORT}`];
    }
    if (kind === "firefox") {
      options.userDataDir = mkdtempSync(join(this.folder, "firefox-"));
      this.certificates.trustIn(options.userDataDir);
      options.debuggingPort = await this.relayInto(namespace);
    }
    const person = await Person.open(kind, URL_OF_PAGE, options);
    person.client = client;
    return person;
  }

  async startProxy(client) {
    if (client.hasProxy) return;
    client.hasProxy = true;
    const { router, gateway } = client.uplink;
    const [program, ...parameters] = [...within(router), process.execPath, join(HERE, "proxy.mjs")];
    const proxy = spawn(program, [...parameters, gateway, String(PROXY_PORT)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.helpers.push(proxy);
    await once(proxy.stdout, "data");
  }

  /** WebDriver comes over TCP to 127.0.0.1, which is another one inside: the same port here leads there. */
  async relayInto(namespace) {
    const listener = createServer();
    await once(listener.listen(0, "127.0.0.1"), "listening");
    const { port } = listener.address();
    const [program, ...parameters] = [...within(namespace), process.execPath, join(HERE, "relay.mjs"), String(port)];
    const relay = spawn(program, parameters, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.helpers.push(relay);
    await new Promise((sent) => relay.send("listener", listener, sent));
    // Else some connections would be accepted here, where nobody serves them.
    listener.close();
    return port;
  }

  /** Closes a browser, such as one that a failed call may have left in any state. */
  async forget(kind, side, profile) {
    const key = `${kind}-${side}-${profile}`;
    await this.people
      .get(key)
      ?.close()
      .catch(() => {});
    this.people.delete(key);
  }

  async close() {
    for (const person of this.people.values()) await person.close().catch(() => {});
    this.people.clear();
    await this.server.stop();
    for (const helper of this.helpers) helper.kill();
  }

  remove() {
    tearDown();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
