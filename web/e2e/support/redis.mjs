// A real Redis of a story's own.

import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export class Redis {
  /**
   * `within` is a command that runs another one somewhere else, where nobody else has the port, and where it listens on all addresses;
   * `address` is the one that nodes know.
   */
  static async start({ address = "127.0.0.1", port, within = [] } = {}) {
    const redis = new Redis();
    Object.assign(redis, { address, within, port: port ?? (await freePort()) });
    redis.folder = mkdtempSync(join(tmpdir(), "tandem-redis-"));
    await redis.launch();
    return redis;
  }

  /** Waits until it takes connections. */
  async launch() {
    const keepsNothing = ["--save", "", "--appendonly", "no", "--dir", this.folder];
    const [program, ...parameters] = [...this.within, "redis-server", "--port", String(this.port)];
    parameters.push("--bind", this.within.length ? "0.0.0.0" : this.address, "--protected-mode", "no", ...keepsNothing);
    this.process = spawn(program, parameters, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.exited = new Promise((resolve) => this.process.once("exit", resolve));
    const ready = new Promise((resolve, reject) => {
      this.process.once("error", reject);
      this.process.stdout.on("data", (chunk) => {
        if (String(chunk).includes("Ready to accept connections")) resolve();
      });
    });
    const left = this.exited.then((code) => {
      throw new Error(`redis-server of Debian's package (apt-get install redis-server) left with ${code}`);
    });
    await Promise.race([ready, left]);
    // From here on it may leave.
    left.catch(() => {});
  }

  /** The configuration of a node that shares it. */
  node(name) {
    return { TANDEM__CLUSTER__REDIS_URL: `redis://${this.address}:${this.port}`, TANDEM__CLUSTER__NODE_NAME: name };
  }

  /** Has it carry out a command, such as `FLUSHALL`, and gives its answer. */
  async say(...command) {
    const [program, ...parameters] = [...this.within, "redis-cli", "-p", String(this.port), ...command];
    return (await promisify(execFile)(program, parameters)).stdout.trim();
  }

  async kill() {
    this.process.kill("SIGKILL");
    await this.exited;
  }

  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
