// What happens to the network in mid-call: another one takes over, UDP dies, UDP becomes bad.

import { setTimeout as sleep } from "node:timers/promises";

import { gapsOf, watchGaps } from "../../web/e2e/support/gaps.mjs";
import { until } from "../../web/e2e/support/person.mjs";
import { connect, hangUp } from "./calls.mjs";

/** How long the call runs undisturbed, so that the way back is not part of how it began. */
const SETTLED_MS = 3_000;
const BACK_WITHIN_MS = 40_000;
/** Media is back when frames have come for so long. */
const STEADY_MS = 1_000;
const STEADY_FRAMES = 5;

/** A call between two networks that has run on this path for a while. */
async function talk(lab, kind, profile, path) {
  const people = await Promise.all([lab.person(kind, "a", profile), lab.person(kind, "b", profile)]);
  await connect(...people);
  await Promise.all(people.map((one) => one.onPath(path)));
  await Promise.all(people.map((one) => one.seesAndHears()));
  await sleep(SETTLED_MS);
  await Promise.all(people.map((one) => one.onPath(path)));
  await Promise.all(people.map(watchGaps));
  return people;
}

/** Waits until frames come again, steadily and not only as what was still on its way. */
async function isBack(person) {
  let { frames } = await person.received();
  await until(
    `${person.kind}: frames come again`,
    async () => {
      await sleep(STEADY_MS);
      const before = frames;
      ({ frames } = await person.received());
      return frames >= before + STEADY_FRAMES;
    },
    BACK_WITHIN_MS,
  );
}

async function transportOf(person) {
  const path = await person.data("path", "path");
  return { path, transport: (await person.routes()).findLast((route) => route.path === path)?.transport };
}

/** Does something to A's network in a call, and measures the longest gap of picture and sound at either side. */
async function disturb(lab, { kind, profile, path, disturbance, settle, heal }) {
  const measured = { browser: kind, profile, path, wrong: [] };
  let people = [];
  try {
    people = await talk(lab, kind, profile, path);
    const [ada, bob] = people;
    measured.before = await transportOf(ada);
    const at = Date.now();
    await disturbance(ada.client);
    // Longer than any stall goes unnoticed by the pages.
    await sleep(2 * STEADY_MS);
    await Promise.all(people.map(isBack));
    await settle?.(measured, people, at);
    measured.gaps = await Promise.all(people.map(gapsOf));
    measured.after = await transportOf(ada);
    await hangUp(ada, bob);
  } catch (error) {
    measured.wrong.push(error.message);
    for (const side of ["a", "b"]) await lab.forget(kind, side, profile);
  } finally {
    await heal?.(lab.network.client("a", profile));
  }
  measured.seconds = measured.gaps && Math.max(...measured.gaps.map((gap) => gap.video)) / 1000;
  return measured;
}

/** Wi-Fi to mobile and back: A's machine loses its network and gets another, with another router and address. */
export function changeNetwork(lab, kind, profile, path) {
  const disturbance = (client) => {
    client.uplinks ??= [client.uplink, client.addUplink("eth1")];
    client.moveTo(client.uplinks.find((one) => one !== client.uplink));
  };
  return disturb(lab, { kind, profile, path, disturbance });
}

/** A forwarded call in which A's router drops packets by this rule from one moment on, until the call has left UDP. */
function worsenUdp(lab, kind, profile, rule) {
  return disturb(lab, {
    kind,
    profile,
    path: "forwarded",
    disturbance: (client) => client.uplink.break(rule),
    heal: (client) => client.uplink.heal(),
    settle: (measured, people, at) => leavesUdp(measured, people, at),
  });
}

export function cutUdp(lab, kind, profile) {
  return worsenUdp(lab, kind, profile, "meta l4proto udp drop");
}

/** 15 % are lost, while TCP would be clean. */
export function loseUdp(lab, kind, profile) {
  return worsenUdp(lab, kind, profile, "meta l4proto udp numgen random mod 100 < 15 drop");
}

async function leavesUdp(measured, [ada], at) {
  await until(
    "the forwarded path runs over TCP",
    async () => {
      const { transport } = await transportOf(ada);
      return transport && transport !== "udp" && transport !== "turn-udp";
    },
    BACK_WITHIN_MS,
  );
  measured.offUdpAfterS = (Date.now() - at) / 1000;
  await isBack(ada);
}
