// The real binary, on ports and a data folder of its own.

import { execFile, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { storeEnvironment } from "./postgres.mjs";

const BINARY = process.env.TANDEM_BINARY;

/** A process that has ended and that nobody has asked after is not. */
function isThere(pid) {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

export class Server {
  /**
   * Starts a server and waits until it says where it listens. `environment` overrides config keys (TANDEM__…); `within` is a command
   * that runs another one somewhere else, such as in a network namespace.
   */
  static async start(environment = {}, { listen = "[::]:0", opsListen = "127.0.0.1:0", within = [] } = {}) {
    if (!BINARY) throw new Error("TANDEM_BINARY must name the binary under test");
    const server = new Server();
    server.within = within;
    server.data = mkdtempSync(join(tmpdir(), "tandem-e2e-"));
    server.environment = { ...(await storeEnvironment()), ...environment };
    server.listen = listen;
    server.opsListen = opsListen;
    await server.launch();
    return server;
  }

  /** Copies the binary alone into an empty folder and runs it there, so that nothing but what is inside it can be served. */
  async launch() {
    const empty = mkdtempSync(join(tmpdir(), "tandem-cwd-"));
    const binary = join(empty, "tandem");
    copyFileSync(BINARY, binary);
    this.log = "";
    const [program, ...parameters] = [...this.within, binary];
    parameters.push("--listen", this.listen, "--ops-listen", this.opsListen, "--data", this.data);
    this.process = spawn(program, parameters, {
      cwd: empty,
      env: { PATH: process.env.PATH, HOME: empty, ...this.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.exited = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve({ code, signal })));
    this.exited.then(() => rmSync(empty, { recursive: true, force: true }));
    let printed = "";
    this.process.stderr.on("data", (chunk) => {
      this.log += chunk;
    });
    const ready = new Promise((resolve) => {
      this.process.stdout.on("data", (chunk) => {
        printed += chunk;
        const page = printed.match(/http:\/\/localhost:(\d+)\/\s/);
        const metrics = printed.match(/(http:\/\/\S+\/metrics)\s/);
        if (page && metrics) resolve({ port: Number(page[1]), metrics: metrics[1] });
      });
    });
    const found = await Promise.race([
      ready,
      this.exited.then(({ code }) => {
        throw new Error(`the server left with ${code}: ${printed}${this.log}`);
      }),
    ]);
    this.port = found.port;
    this.metricsUrl = found.metrics;
    this.url = `http://localhost:${this.port}/`;
    // A restart has to come back where the browsers look for it.
    this.listen = `[::]:${this.port}`;
  }

  /** The value of one series, such as `tandem_call_ended_total{reason="busy"}`; a family without labels by its bare name. */
  async metric(series) {
    return (await this.metrics()).get(series);
  }

  /** All that it counts and gauges, by series. */
  async metrics() {
    const text = await (await fetch(this.metricsUrl)).text();
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => {
        const end = line.lastIndexOf(" ");
        return [line.slice(0, end), Number(line.slice(end + 1))];
      }),
    );
  }

  /** Has it hand over to another process of its binary, and waits until that serves. `gone`: the one before, when it has ended. */
  async upgrade() {
    const [program, ...parameters] = [...this.within, this.process.spawnargs[this.within.length]];
    const { stdout } = await promisify(execFile)(program, [...parameters, "--data", this.data, "upgrade"], {
      env: { PATH: process.env.PATH, ...this.environment },
    });
    const before = this.exited;
    const pid = Number(stdout.split(" ")[1]);
    // No child of ours: it is gone when no signal reaches it.
    this.process = { kill: (signal) => isThere(pid) && process.kill(pid, signal) };
    this.exited = before.then(async () => {
      while (isThere(pid)) await sleep(20);
      return { code: null, signal: null };
    });
    return { gone: before };
  }

  kill(signal = "SIGKILL") {
    this.process.kill(signal);
    return this.exited;
  }

  /** Ends the server as an operator would, and says whether it left by itself. */
  async stop() {
    this.process.kill("SIGTERM");
    const ended = await Promise.race([this.exited, new Promise((r) => setTimeout(r, 15_000, null).unref())]);
    if (ended === null) await this.kill();
    rmSync(this.data, { recursive: true, force: true });
    return ended;
  }
}
