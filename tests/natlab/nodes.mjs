// The laboratory of nodes: three of them with their Redis and PostgreSQL in namespaces, and real browsers at different ones, which call while
// something is done to what is between them. docs/natlab.md says what it is and how to read it.
//
//   TANDEM_BINARY=… node tests/natlab/nodes.mjs short      calls, a room, Redis killed and failed over, one node killed
//   TANDEM_BINARY=… node tests/natlab/nodes.mjs full       every fault of Redis, a node stopped, killed, cut off
//       --only killed,kill,…     these alone: call, firewall, room, a fault of Redis, drain, long split, kill, split
//       --browser firefox        in another browser
//       --runs 3                 all of it so often, each time with everything new
//       --json FILE              everything that was measured

import { parseArgs } from "node:util";

import { until } from "../../web/e2e/support/person.mjs";
import { Cluster } from "./cluster.mjs";
import { Crowd, chat, Gathering, hangUp, talk } from "./crowd.mjs";
import { drain, kill, REDIS_FAULTS, redisFault, split } from "./faults.mjs";
import { Lab } from "./lab.mjs";
import { checkMachine } from "./namespaces.mjs";
import { finish, nodes as line } from "./report.mjs";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    browser: { type: "string", default: "chromium" },
    runs: { type: "string", default: "1" },
    json: { type: "string" },
  },
});
const size = positionals[0];

function fail(text) {
  console.error(text);
  process.exit(2);
}

/** Direct and forwarded calls between people at two nodes; they write as well. */
async function call({ ada, bob }) {
  const figures = { name: "calls over two nodes", wrong: [] };
  for (const path of ["direct", "forwarded"]) {
    const began = Date.now();
    await talk(ada, bob, path);
    figures[`${path}RunsAfterS`] = (Date.now() - began) / 1000;
    await chat([ada, bob]);
    await hangUp(bob, ada);
  }
  return figures;
}

/** From a network that lets nothing out but TCP to the load balancer: there is no way to the media of any node but TURN at one of them. */
async function firewall(crowd, cluster) {
  const figures = { name: "calls and a room through the load balancer alone", wrong: [] };
  const hal = await crowd.comes("hal", "b", "tcp-port-only");
  for (const [way, people] of [
    ["in", [crowd.ada, hal]],
    ["out", [hal, crowd.cy]],
  ]) {
    const began = Date.now();
    await talk(...people, "forwarded");
    figures[`${way}RunsAfterS`] = (Date.now() - began) / 1000;
    await hangUp(...people);
  }
  const gathering = await Gathering.make(crowd.ada, [crowd.ada, crowd.cy, hal], "three");
  const relayed = () => cluster.metric('tandem_relay_bytes_total{direction="in"}');
  await until("100 kB of what Hal sends went through the relay of b", async () => (await relayed()).b > 100_000);
  figures.relayedBytes = await relayed();
  await gathering.leave();
  await hal.page.close();
  return figures;
}

/** A room of four over three nodes: everybody gets everybody's picture and voice. */
async function room({ ada, bob, cy, dora }) {
  const began = Date.now();
  const gathering = await Gathering.make(ada, [ada, bob, cy, dora], "four");
  const wholeAfterS = (Date.now() - began) / 1000;
  await gathering.leave();
  return { name: "a room of four over three nodes", wrong: [], wholeAfterS };
}

const CHECKS = {
  call,
  firewall,
  room,
  ...Object.fromEntries(
    Object.keys(REDIS_FAULTS).map((name) => [name, (crowd, cluster) => redisFault(name, crowd, cluster)]),
  ),
  drain,
  // While the control call is surely at another node: it would end as well.
  "long split": (crowd, cluster) => split(crowd, cluster, true),
  kill,
  split,
};
/** Of what each node has logged, so many characters are shown where something is wrong. */
const LOG_SHOWN = 3000;
/** And so many lines of what each page said and heard. */
const HEARD_SHOWN = 60;

/** The room of four is the one whose node is killed. */
const SHORT = ["call", "killed", "failed over", "kill"];

const wanted = options.only?.split(",") ?? (size === "short" ? SHORT : Object.keys(CHECKS));
if (size !== "short" && size !== "full")
  fail("usage: node tests/natlab/nodes.mjs short|full (see the head of the file)");
for (const name of wanted) if (!CHECKS[name]) fail(`there is no check ${name}: ${Object.keys(CHECKS).join(", ")}`);
try {
  checkMachine();
} catch (error) {
  fail(error.message);
}

/** Everything once, in networks and browsers of its own. */
async function once() {
  const lab = await Lab.open(Cluster.start);
  const results = [];
  try {
    const crowd = await Crowd.open(lab, options.browser);
    await talk(...crowd.control);
    for (const name of wanted) {
      const began = Date.now();
      const figures = await CHECKS[name](crowd, lab.server).catch((error) => ({ name, wrong: [error.message] }));
      figures.tookS = (Date.now() - began) / 1000;
      results.push(figures);
      console.log(line(figures));
      if (figures.wrong.length === 0) continue;
      for (const { name, heard } of crowd.people) console.log(`${name}:\n${heard.slice(-HEARD_SHOWN).join("\n")}`);
      for (const { name, log } of lab.server.nodes) console.log(`node ${name} said last:\n${log.slice(-LOG_SHOWN)}`);
      // What it left would make all that follow wrong as well.
      break;
    }
  } finally {
    await lab.close();
    lab.remove();
  }
  return results;
}

const began = Date.now();
const result = { at: new Date().toISOString(), size, runs: [] };
for (let run = 1; run <= Number(options.runs); run++) {
  console.log(`run ${run} of ${options.runs}`);
  result.runs.push(await once());
}
const problems = result.runs.flat().flatMap(({ name, wrong }) => wrong.map((text) => `${name}: ${text}`));
finish(result, began, problems, options.json);
