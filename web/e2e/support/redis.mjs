// A real Redis of a story's own.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export class Redis {
  static async start() {
    const redis = new Redis();
    redis.folder = mkdtempSync(join(tmpdir(), "tandem-redis-"));
    redis.port = await freePort();
    await redis.launch();
    return redis;
  }

  /** Waits until it takes connections. */
  async launch() {
    const keepsNothing = ["--save", "", "--appendonly", "no", "--dir", this.folder];
    this.process = spawn("redis-server", ["--port", String(this.port), "--bind", "127.0.0.1", ...keepsNothing], {
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
    return { TANDEM__CLUSTER__REDIS_URL: `redis://127.0.0.1:${this.port}`, TANDEM__CLUSTER__NODE_NAME: name };
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
