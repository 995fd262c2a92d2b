// Three nodes behind a load balancer, their Redis with a replica, and their PostgreSQL: each on a host of its own on the segment.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { until } from "../../web/e2e/support/person.mjs";
import { Postgres } from "../../web/e2e/support/postgres.mjs";
import { Redis } from "../../web/e2e/support/redis.mjs";
import { Server } from "../../web/e2e/support/server.mjs";
import { within } from "./namespaces.mjs";
import { SERVER_PORT } from "./network.mjs";

const NODES = { a: "198.51.100.21", b: "198.51.100.22", c: "198.51.100.23" };
/** The address that nodes know, of whichever Redis is the master. */
const REDIS = "198.51.100.30";
const REDIS_PORT = 6379;
const REDIS_HOSTS = { redis1: "198.51.100.31", redis2: "198.51.100.32" };
const POSTGRES = "198.51.100.40";

/** Seven browsers leave a node's worker no time, and it would refuse people and leave pictures out, as it should elsewhere. */
const NEVER_FULL = { TANDEM__LIMITS__BUSY_PERCENT: "0", TANDEM__LIMITS__CUT_PERCENT: "0" };

export class Cluster {
  static async start(lab) {
    const cluster = new Cluster();
    cluster.lab = lab;
    const { network } = lab;
    cluster.balancer = fork(join(import.meta.dirname, "balancer.mjs"), [String(SERVER_PORT), ...Object.values(NODES)], {
      execPath: "ip",
      execArgv: [...within(network.server.namespace).slice(1), process.execPath],
    });
    await once(cluster.balancer, "message");

    const postgres = network.host("postgres", POSTGRES);
    cluster.postgres = await Postgres.start({
      address: POSTGRES,
      within: within(postgres.namespace),
      folder: lab.folder,
    });
    cluster.stores = [];
    for (const [name, address] of Object.entries(REDIS_HOSTS)) {
      const host = network.host(name, address);
      const redis = await Redis.start({ address: REDIS, port: REDIS_PORT, within: within(host.namespace) });
      cluster.stores.push({ host, redis });
    }
    [cluster.master, cluster.replica] = cluster.stores;
    cluster.master.host.giveAddress(REDIS);
    await cluster.replicate();

    const database = await cluster.postgres.database();
    cluster.nodes = [];
    for (const [name, address] of Object.entries(NODES)) {
      const host = network.host(name, address);
      const node = await Server.start(
        { ...lab.tls, ...NEVER_FULL, ...database, ...cluster.master.redis.node(name) },
        {
          listen: `[::]:${SERVER_PORT}`,
          opsListen: `127.0.0.1:${await lab.relayInto(host.namespace)}`,
          within: within(host.namespace),
        },
      );
      Object.assign(node, { name, host });
      cluster.nodes.push(node);
    }
    await cluster.isWhole();
    return cluster;
  }

  node(name) {
    return this.nodes.find((node) => node.name === name);
  }

  /** Takes whoever connects from this client to that node, for as long as it accepts. */
  keep(client, name) {
    this.balancer.send({ client: client.uplink.seen, node: NODES[name] });
  }

  /** Waits until each node hears all others. */
  isWhole(patience) {
    const hearsAll = async (node) =>
      (await node.metric('tandem_cluster_nodes{state="heard"}')) === this.nodes.length - 1;
    return Promise.all(
      this.nodes.map((node) => until(`${node.name} hears the others`, () => hearsAll(node), patience)),
    );
  }

  /** What each node that is there says of this series, by its name. */
  async metric(series) {
    const values = await Promise.all(this.nodes.map((node) => node.metric(series).catch(() => undefined)));
    return Object.fromEntries(this.nodes.map(({ name }, i) => [name, values[i]]));
  }

  /** Runs something that makes a call or room, and gives the node that has it then. */
  async ownerOf(series, makes) {
    const before = await this.metric(series);
    await makes();
    const has = async () => {
      const now = await this.metric(series);
      return this.nodes.find(({ name }) => now[name] > before[name]);
    };
    return until(`a node has one more of ${series}`, has);
  }

  async replicate() {
    const { redis } = this.replica;
    await redis.say("REPLICAOF", REDIS, String(REDIS_PORT));
    await until("the replica has all", async () => (await redis.say("INFO", "replication")).includes("link_status:up"));
  }

  /** The master's host has lost its power: the replica is the master from now on, with its address. */
  async failOver() {
    const [dead, heir] = [this.master, this.replica];
    await heir.redis.say("REPLICAOF", "NO", "ONE");
    this.lab.network.moveAddress(REDIS, dead.host, heir.host);
    [this.master, this.replica] = [heir, dead];
  }

  /** What was the master is plugged in again, as a replica. */
  async repairReplica() {
    this.replica.host.plugIn();
    await this.replicate();
  }

  /** Cuts these nodes off from Redis, or from all that nodes share. */
  cutOff(nodes, { postgres = false } = {}) {
    const shared = postgres ? [REDIS, POSTGRES] : [REDIS];
    for (const node of nodes) node.host.cutOff(shared);
  }

  heal() {
    for (const { host } of this.nodes) host.heal();
  }

  async stop() {
    // In order, the last one would wait for the calls of pages that are closed.
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.stores.map(({ redis }) => redis.stop()));
    await this.postgres.stop();
    this.balancer.disconnect();
  }
}
