// A PostgreSQL server of the stories' own, where TANDEM_E2E_STORE=postgres asks for it: each server under test gets a database of it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("../../../tests/postgres/cluster.sh", import.meta.url));

const chosen = process.env.TANDEM_E2E_STORE ?? "sqlite";
if (!["sqlite", "postgres"].includes(chosen))
  throw new Error(`TANDEM_E2E_STORE is ${chosen}: expected sqlite or postgres`);

let cluster;
let databases = 0;

/** The script that has the server; it ends with this process. */
async function start() {
  const script = spawn(SCRIPT, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: script.stdout });
  const [url] = await Promise.race([
    once(lines, "line"),
    once(script, "exit").then(() => {
      throw new Error("PostgreSQL does not start: its message stands above this one");
    }),
  ]);
  // Neither keeps this process when its stories are told.
  for (const one of [script, script.stdin, script.stdout]) one.unref();
  return { script, lines, url };
}

/** The config keys of a new database to keep everything in; none for SQLite. */
export async function storeEnvironment() {
  return chosen === "sqlite" ? {} : sharedStore();
}

/** The same for several servers, which have to share a database, whatever the others have. */
export async function sharedStore() {
  cluster ??= start();
  const { script, lines, url } = await cluster;
  databases += 1;
  const name = `story_${databases}`;
  script.stdout.ref();
  const done = once(lines, "line");
  script.stdin.write(`create ${name}\n`);
  const [answer] = await done;
  script.stdout.unref();
  if (answer !== "done") throw new Error(`no database: ${answer}`);
  return { TANDEM__STORE__URL: url.replace("/postgres?", `/${name}?`) };
}
