// What is done to nodes and to their Redis while people call, and what has to hold meanwhile and afterwards.

import { setTimeout as sleep } from "node:timers/promises";

import { within as stretched } from "../../web/e2e/support/limits.mjs";
import { until } from "../../web/e2e/support/person.mjs";
import { Gathering, goesOn, hangUp, knock, reach, ringsOf, talk, watch, worstGaps } from "./crowd.mjs";

/** What a machine with nothing else to do keeps to, in milliseconds; TANDEM_STRETCH=3 gives a busy one three times as long. */
const REFUSED_MAX_MS = stretched(2000);
const BACK_MAX_MS = stretched(5000);
const ONE_OWNER_MAX_MS = stretched(10_000);
const STILL_MAX_MS = stretched(1000);
/** In a room whose node is gone, media has to begin anew with another one. */
const ROOM_BACK_MAX_MS = stretched(15_000);

/** A node that was not heard for so long counts as gone, for those who hear each other. */
const NOTICED_MS = 4000;
/** By when those are removed whose node was adopted and who do not come to the heir. */
const LONG_SPLIT_MS = 35_000;
/** Longer than PostgreSQL holds a lock of a node that went silent, and not so long that the page of who is there comes back too late to the others. */
const SPLIT_MS = 12_000;
const PAUSED_MS = 4000;
/** PostgreSQL gives the lock of a node that went silent to another one after 11 s, and that adopts it within 10 s. */
const ADOPTED_WITHIN_MS = stretched(40_000);

/** Each takes Redis from nodes, and brings it back. `over`: it is back as soon as it is done. */
export const REDIS_FAULTS = {
  killed: {
    breaks: ({ master }) => master.redis.kill(),
    heals: ({ master }) => master.redis.launch(),
  },
  "failed over": {
    breaks: ({ master }) => master.host.unplug(),
    heals: (cluster) => cluster.failOver(),
    after: (cluster) => cluster.repairReplica(),
  },
  paused: {
    breaks: ({ master }) => master.redis.say("CLIENT", "PAUSE", String(PAUSED_MS), "ALL"),
    heals: ({ master }) => master.redis.say("CLIENT", "UNPAUSE"),
  },
  "cut off from one node": {
    breaks: (cluster) => cluster.cutOff([cluster.node("b")]),
    heals: (cluster) => cluster.heal(),
  },
  "cut off from all": {
    breaks: (cluster) => cluster.cutOff(cluster.nodes),
    heals: (cluster) => cluster.heal(),
  },
  flushed: {
    breaks: ({ master }) => master.redis.say("FLUSHALL"),
    heals: () => {},
    over: true,
  },
};

/** Something done to a cluster while the control call runs. Gives figures, and `wrong`: what should not be so. */
async function disturb(name, crowd, does) {
  const figures = { name, wrong: [] };
  const expect = (fine, words) => {
    if (!fine) figures.wrong.push(words);
  };
  try {
    await watch(crowd.control);
    await does(figures, expect);
    await goesOn(crowd.control, "direct");
    figures.control = await worstGaps(crowd.control);
    notStill(figures.control, "the control call", expect);
  } catch (error) {
    figures.wrong.push(error.message);
  }
  return figures;
}

const notStill = ({ video, audio }, of, expect) =>
  expect(Math.max(video, audio) < STILL_MAX_MS, `${of} stood still for ${video} ms, and was quiet for ${audio} ms`);

/**
 * A fault of Redis while a forwarded call from one node to another runs: it goes on, a call on one node rings, one to another node rings or is
 * refused in time, and once Redis is back it is answered in time. Nobody is rung twice for one call.
 */
export function redisFault(name, crowd, cluster) {
  const { breaks, heals, after, over } = REDIS_FAULTS[name];
  const { ada, bob, cy, dora, gus } = crowd;
  return disturb(`Redis ${name}`, crowd, async (figures, expect) => {
    await talk(ada, bob, "forwarded");
    await watch([ada, bob]);
    const rungBefore = await Promise.all([cy, dora, gus].map(ringsOf));
    const rang = { cy: 0, dora: 0, gus: 0 };
    const tries = async (caller, callee) => {
      const tried = await knock(caller, callee);
      if (tried.outcome === "rings") rang[callee.name] += 1;
      return tried;
    };
    figures.across = [];
    const across = async (caller, callee) => {
      const tried = await tries(caller, callee);
      const { outcome, seconds } = tried;
      const fine = ["rings", "node_unreachable"].includes(outcome) && seconds * 1000 < REFUSED_MAX_MS;
      expect(fine, `${caller.name} calls ${callee.name}: ${outcome} after ${seconds} s`);
      figures.across.push(tried);
    };

    await breaks(cluster);
    if (!over) {
      await across(cy, gus);
      await across(cy, gus);
      figures.same = await tries(cy, dora);
      expect(figures.same.outcome === "rings", `a call on one node: ${figures.same.outcome}`);
      await sleep(NOTICED_MS);
      await across(cy, gus);
      await across(gus, cy);
      await Promise.all([ada, bob].map((person) => person.seesAndHears()));
    }
    await heals(cluster);
    const healed = Date.now();
    figures.refused = await reach(cy, gus);
    figures.backS = (Date.now() - healed) / 1000;
    rang.gus += 1;
    expect(
      figures.backS * 1000 < BACK_MAX_MS,
      `a call to another node is answered only ${figures.backS} s after it was back`,
    );
    await hangUp(cy, gus);

    await goesOn([ada, bob], "forwarded");
    figures.forwarded = await worstGaps([ada, bob]);
    notStill(figures.forwarded, "the forwarded call", expect);
    await hangUp(ada, bob);
    const rung = (await Promise.all([cy, dora, gus].map(ringsOf))).map((count, i) => count - rungBefore[i]);
    const calls = [rang.cy, rang.dora, rang.gus];
    expect(rung.join() === calls.join(), `Cy, Dora and Gus were rung ${rung} times for ${calls} calls`);
    await after?.(cluster);
    await cluster.isWhole();
  });
}

/** A node that has a room and a forwarded call is stopped in order. */
export function drain(crowd, cluster) {
  const { ada, bob, cy, dora, gus } = crowd;
  return disturb("a node is stopped", crowd, async (figures, expect) => {
    let room;
    const owner = await cluster.ownerOf("tandem_rooms", async () => {
      room = await Gathering.make(ada, [bob, cy, dora], "drained");
    });
    const other = await cluster.ownerOf('tandem_calls{state="answered"}', () => talk(ada, gus, "forwarded"));
    expect(owner === other, `${owner.name} has the room, and ${other.name} the call`);
    figures.node = owner.name;
    await room.watch();
    await watch([ada, gus]);
    const began = Date.now();
    await owner.kill("SIGTERM");
    figures.leftAfterS = (Date.now() - began) / 1000;
    await Promise.all([room.isWhole(ROOM_BACK_MAX_MS), goesOn([ada, gus], "forwarded")]);
    figures.wholeAfterS = (Date.now() - began) / 1000;
    figures.room = await room.gaps();
    figures.forwarded = await worstGaps([ada, gus]);
    notStill(figures.room, "the room", expect);
    notStill(figures.forwarded, "the forwarded call", expect);
    await hangUp(ada, gus);
    await room.leave();
    await owner.launch();
    await cluster.isWhole();
  });
}

/** The node that has a room of four over all nodes is killed; the two of the control call are at the same one. */
export function kill(crowd, cluster) {
  const { ada, bob, cy, dora } = crowd;
  return disturb("a node is killed", crowd, async (figures, expect) => {
    let room;
    const owner = await cluster.ownerOf("tandem_rooms", async () => {
      room = await Gathering.make(cy, [ada, bob, cy, dora], "killed");
    });
    figures.node = owner.name;
    await room.watch();
    const began = Date.now();
    await owner.kill();
    await room.isWhole(ROOM_BACK_MAX_MS);
    figures.wholeAfterS = (Date.now() - began) / 1000;
    figures.room = await room.gaps();
    expect(figures.wholeAfterS * 1000 < ROOM_BACK_MAX_MS, `the room was whole only after ${figures.wholeAfterS} s`);
    await isAtOneNode(cluster, [owner.name]);
    await room.leave();
    await owner.launch();
    await cluster.isWhole();
  });
}

/** Each node that is there has another part of what runs: the room is at one, and so is the control call. */
async function isAtOneNode(cluster, gone = []) {
  await until(
    "the room and the control call are at one node each",
    async () => {
      const rooms = await cluster.metric("tandem_rooms");
      const count = Object.entries(rooms).reduce(
        (sum, [name, value]) => sum + (gone.includes(name) ? 0 : (value ?? 0)),
        0,
      );
      if (count !== 2) throw new Error(JSON.stringify(rooms));
      return true;
    },
    ONE_OWNER_MAX_MS,
  );
}

/**
 * The node that has a room can reach neither Redis nor PostgreSQL, while browsers reach it. Another one adopts it; once it is healed, there is one
 * owner, and all are in one room. After a long one, whoever stayed at the cut-off node is told that the connection was lost, and comes back by hand.
 */
export function split(crowd, cluster, isLong = false) {
  const { ada, bob, cy, dora } = crowd;
  const lastsMs = isLong ? LONG_SPLIT_MS : SPLIT_MS;
  return disturb(
    `a node is cut off from Redis and PostgreSQL for ${lastsMs / 1000} s`,
    crowd,
    async (figures, expect) => {
      let room;
      const owner = await cluster.ownerOf("tandem_rooms", async () => {
        room = await Gathering.make(bob, [ada, bob, cy, dora], "split");
      });
      figures.node = owner.name;
      await room.watch();
      const adoptions = async () => {
        const counts = await cluster.metric("tandem_cluster_adoptions_total");
        return Object.values(counts).reduce((sum, count) => sum + (count ?? 0), 0);
      };
      const [before, began] = [await adoptions(), Date.now()];
      cluster.cutOff([owner], { postgres: true });
      await until("another node adopts it", async () => (await adoptions()) > before, ADOPTED_WITHIN_MS);
      figures.adoptedAfterS = (Date.now() - began) / 1000;
      figures.ownersMeanwhile = await cluster.metric("tandem_rooms");
      await sleep(Math.max(0, began + lastsMs - Date.now()));
      cluster.heal();
      const healed = Date.now();
      // What supervises it starts it again.
      const { code } = await Promise.race([
        owner.exited,
        sleep(ONE_OWNER_MAX_MS, { code: "still there" }, { ref: false }),
      ]);
      figures.endedAfterS = (Date.now() - healed) / 1000;
      figures.endedWith = code;
      expect(code !== "still there", "the node that was adopted goes on");
      await isAtOneNode(cluster, [owner.name]);
      figures.oneOwnerAfterS = (Date.now() - healed) / 1000;
      expect(figures.oneOwnerAfterS * 1000 < ONE_OWNER_MAX_MS, `one owner only after ${figures.oneOwnerAfterS} s`);
      if (isLong) {
        await bob.endedWith("connection_lost");
        await bob.click("rejoin");
        await room.enters(bob);
      }
      await room.isWhole(ROOM_BACK_MAX_MS);
      figures.wholeAfterS = (Date.now() - healed) / 1000;
      figures.room = await room.gaps();
      await owner.launch();
      await cluster.isWhole();
      await isAtOneNode(cluster);
      await room.leave();
    },
  );
}
