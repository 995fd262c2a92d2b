// A PostgreSQL server of the stories' own, where TANDEM_E2E_STORE=postgres asks for it: each server under test gets a database of it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../../tests/postgres/cluster.sh", import.meta.url));

const chosen = process.env.TANDEM_E2E_STORE ?? "sqlite";
if (!["sqlite", "postgres"].includes(chosen))
  throw new Error(`TANDEM_E2E_STORE is ${chosen}: expected sqlite or postgres`);

/** The script that has a server, which ends with this process. */
export class Postgres {
  /** `within` is a command that runs another one somewhere else, where it listens on this address; `folder` has its files. */
  static async start({ address = "127.0.0.1", within = [], folder } = {}) {
    const postgres = new Postgres();
    postgres.databases = 0;
    const [program, ...parameters] = [...within, SCRIPT];
    const env = { ...process.env, CLUSTER_ADDRESS: address, ...(folder && { TMPDIR: folder }) };
    const script = spawn(program, parameters, { stdio: ["pipe", "pipe", "inherit"], env });
    postgres.script = script;
    postgres.exited = once(script, "exit");
    postgres.lines = createInterface({ input: script.stdout });
    [postgres.url] = await Promise.race([
      once(postgres.lines, "line"),
      postgres.exited.then(() => {
        throw new Error("PostgreSQL does not start: its message stands above this one");
      }),
    ]);
    // Neither keeps this process when its stories are told.
    for (const one of [script, script.stdin, script.stdout]) one.unref();
    return postgres;
  }

  /** The config keys of a new database to keep everything in. */
  async database() {
    this.databases += 1;
    const name = `story_${this.databases}`;
    const { script, lines, url } = this;
    script.stdout.ref();
    const done = once(lines, "line");
    script.stdin.write(`create ${name}\n`);
    const [answer] = await done;
    script.stdout.unref();
    if (answer !== "done") throw new Error(`no database: ${answer}`);
    return { TANDEM__STORE__URL: url.replace("/postgres?", `/${name}?`) };
  }

  async stop() {
    this.script.stdin.end();
    this.script.ref();
    await this.exited;
  }
}

let shared;

/** The config keys of a new database to keep everything in; none for SQLite. */
export async function storeEnvironment() {
  return chosen === "sqlite" ? {} : sharedStore();
}

/** The same for several servers, which have to share a database, whatever the others have. */
export async function sharedStore() {
  shared ??= Postgres.start();
  return (await shared).database();
}
