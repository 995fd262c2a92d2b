// Rooms: a call of two becomes one of three and is one of two again, people come by a link, four see each other in a grid, and
// Firefox is in a room with Chromium. Figures are printed. TANDEM_RUNS=10 for as many steps as the medians are asked of. Screens are
// canvases, see support/screen.mjs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Pair } from "../support/pair.mjs";
import { Person, until } from "../support/person.mjs";
import { gets, invite, joinBy, makeLink, participantId, tilesOf } from "../support/room.mjs";
import { roomGaps, watchRoom } from "../support/room-gaps.mjs";
import { Server } from "../support/server.mjs";

const RUNS = Number(process.env.TANDEM_RUNS ?? 2);

/** The goal of a quiet machine is 500 and 200 ms. */
const VIDEO_GAP_MS_MAX = Number(process.env.TANDEM_STEP_VIDEO_GAP_MS_MAX ?? 1_000);
const AUDIO_GAP_MS_MAX = Number(process.env.TANDEM_STEP_AUDIO_GAP_MS_MAX ?? 500);

/** The server waits for some seconds, and then the direct connection has to come up. */
const BACK_WITHIN_MS = 40_000;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const worstOf = (gaps, keys, kinds) =>
  Math.max(...keys.filter((key) => kinds.test(key)).map((key) => gaps[key]?.gap ?? Number.POSITIVE_INFINITY));

const PICTURES = /\/(camera|screen)$/;
const SOUNDS = /\/(microphone|screen_audio)$/;

async function state(person, testId) {
  return person.data(testId, "state");
}

/** Presses a button until what it switches is on, or off. */
async function set(person, testId, on) {
  const isOn = async () => (await state(person, testId)) === "on";
  if ((await isOn()) === on) return;
  await person.click(testId);
  await until(`${testId} is ${on ? "on" : "off"}`, async () => (await isOn()) === on);
}

describe("from two to three and back", { timeout: 1_200_000 }, () => {
  let pair;
  let server;
  let ada;
  let bob;
  let cleo;

  before(async () => {
    pair = await Pair.open("chromium");
    ({ server, ada, bob } = pair);
    cleo = await Person.open("chromium", server.url);
  });

  after(async () => {
    await cleo?.close();
    await pair?.close();
  });

  const of = (id, sources) => sources.map((source) => `${id}/${source}`);

  /** As what the two are in their room. */
  const names = () => Promise.all([ada, bob].map(participantId));

  async function enter() {
    await cleo.goHome();
    const id = await cleo.id();
    await invite(ada, id);
    await cleo.click("answer");
    for (const one of [ada, bob, cleo]) await one.onPath("forwarded");
  }

  async function leave() {
    await cleo.click("hang-up");
    await cleo.sees("ended");
    for (const one of [ada, bob]) await one.onPath("direct", BACK_WITHIN_MS);
  }

  test("nobody misses anything of a screen and two voices", async () => {
    const none = () => ({ video: [], audio: [] });
    const steps = { "two, no step": none(), "two to three": none(), "three, no step": none(), "three to two": none() };
    const stay = () => sleep(4_000);
    for (let run = 1; run <= RUNS; run++) {
      await pair.talk("direct");
      await set(ada, "share-screen", true);
      const [a, b] = await names();
      const fromAda = of(a, ["microphone", "camera", "screen", "screen_audio"]);
      const fromBob = of(b, ["microphone", "camera"]);
      const both = [
        [ada, fromBob],
        [bob, fromAda],
      ];
      for (const [one, keys] of both) await gets(one, keys);
      for (const [name, step] of [
        ["two, no step", stay],
        ["two to three", enter],
        ["three, no step", stay],
        ["three to two", leave],
      ]) {
        for (const [one] of both) await watchRoom(one);
        await sleep(500);
        await step();
        for (const [one, keys] of both) await gets(one, keys);
        await sleep(500);
        for (const [one, keys] of both) {
          const gaps = await roomGaps(one);
          steps[name].video.push(worstOf(gaps, keys, PICTURES));
          steps[name].audio.push(worstOf(gaps, keys, SOUNDS));
        }
        if (name === "two to three") {
          const fromCleo = of(await participantId(cleo), ["microphone", "camera"]);
          for (const one of [ada, bob]) await gets(one, fromCleo);
          await gets(cleo, [...fromAda, ...fromBob]);
          for (const one of [ada, bob, cleo]) assert.equal(await one.data("path", "reason"), "group");
        }
      }
      await ada.click("hang-up");
      await bob.endedWith("hung_up");
    }
    const slow = [];
    for (const [name, { video, audio }] of Object.entries(steps)) {
      const line = `chromium, ${name}: longest gap of a picture ${median(video)} ms, of a voice ${median(audio)} ms (medians of both sides in ${RUNS} runs; worst ${Math.max(...video)} and ${Math.max(...audio)})`;
      console.log(line);
      // A busy machine drops frames by itself: then twice what is usual there is the measure.
      const usual = (kind) => Math.max(median(steps["two, no step"][kind]), median(steps["three, no step"][kind]));
      const isSmall =
        median(video) <= Math.max(VIDEO_GAP_MS_MAX, 2 * usual("video")) &&
        median(audio) <= Math.max(AUDIO_GAP_MS_MAX, 2 * usual("audio"));
      if (!isSmall) slow.push(line);
    }
    assert.deepEqual(slow, []);
  });

  test("each combination of camera, screen and mute goes along", async () => {
    await pair.talk("direct");
    for (let combination = 0; combination < 8; combination++) {
      const [camera, screen, sound] = [1, 2, 4].map((bit) => (combination & bit) !== 0);
      await set(ada, "camera", camera);
      await set(ada, "share-screen", screen);
      await set(ada, "mute", sound);
      const [a, b] = await names();
      const sources = [camera && "camera", screen && "screen", screen && "screen_audio", sound && "microphone"];
      const fromAda = of(a, sources.filter(Boolean));
      const pictures = fromAda.filter((key) => PICTURES.test(key)).sort();
      const check = async (one) => {
        await gets(one, fromAda);
        const tiles = await tilesOf(one);
        assert.deepEqual(
          tiles.filter((key) => key.startsWith(a)),
          pictures,
          `combination ${combination}`,
        );
      };
      await check(bob);
      await enter();
      await check(bob);
      await check(cleo);
      await gets(ada, of(b, ["microphone", "camera"]));
      // What is switched in the larger room goes along, too.
      await set(ada, "camera", !camera);
      await set(ada, "camera", camera);
      await check(bob);
      await leave();
      await check(bob);
      await gets(ada, of(b, ["microphone", "camera"]));
    }
    await ada.click("hang-up");
    await bob.endedWith("hung_up");
  });

  test("two show their screens at once, and one ends it with the browser's own button", async () => {
    await pair.talk("direct");
    await enter();
    const [a, b] = await names();
    await set(ada, "share-screen", true);
    await set(bob, "share-screen", true);
    await gets(cleo, [...of(a, ["camera", "screen"]), ...of(b, ["camera", "screen"])]);
    await gets(ada, of(b, ["screen"]));
    await ada.page.evaluate(() => window.__screen.stop());
    await until("the screen is gone", async () => !(await tilesOf(cleo)).includes(`${a}/screen`));
    assert.equal(await state(ada, "share-screen"), "none");
    await gets(cleo, of(b, ["screen"]));
    await leave();
    await gets(ada, of(b, ["camera", "screen"]));
    await ada.click("hang-up");
    await bob.endedWith("hung_up");
  });
});

describe("a room by its link", { timeout: 600_000 }, () => {
  let server;
  const people = [];

  before(async () => {
    server = await Server.start();
  });

  after(async () => {
    for (const one of people) await one.close();
    await server?.stop();
  });

  async function open(kind, path = "/") {
    const one = await Person.open(kind, new URL(path, server.url).href);
    people.push(one);
    return one;
  }

  async function leaveAll() {
    for (const one of people.splice(0)) await one.close();
  }

  /** Everybody sees and hears everybody else. */
  async function all(present, sources = ["microphone", "camera"]) {
    const ids = await Promise.all(present.map(participantId));
    for (const [at, one] of present.entries()) {
      await gets(
        one,
        ids.filter((_, other) => other !== at).flatMap((id) => sources.map((source) => `${id}/${source}`)),
      );
    }
  }

  test("a pass phrase opens it, and a host lets in from the lobby", async () => {
    const ada = await open("chromium");
    const link = await makeLink(ada, { name: "Monday", passphrase: "swordfish", lobby: true });
    await joinBy(ada, link);
    await ada.sees("hang-up");
    const bob = await open("chromium", link);
    await joinBy(bob, link, "tunafish");
    await until("the pass phrase is wrong", async () => (await bob.data("problem", "code")) === "passphrase_needed");
    assert.equal(await bob.liveTracks(), 0);
    await joinBy(bob, link, "swordfish");
    await bob.sees("lobby");
    await ada.click("participants");
    await ada.click("admit");
    await all([ada, bob]);
    for (const one of [ada, bob]) await one.onPath("direct");
    const cleo = await open("chromium", link);
    await joinBy(cleo, link, "swordfish");
    await cleo.sees("lobby");
    await ada.click("refuse");
    await cleo.endedWith("refused");
    await ada.click("hang-up");
    assert.equal(await bob.page.evaluate(() => window.tandem.stats().then((stats) => stats.state)), "in_call");
    await leaveAll();
  });

  test("four Chromiums in a grid all see and hear each other", async () => {
    const ada = await open("chromium");
    const link = await makeLink(ada, { name: "Four" });
    await joinBy(ada, link);
    for (let at = 1; at < 4; at++) await joinBy(await open("chromium", link), link);
    const began = Date.now();
    await all(people);
    console.log(
      `chromium, four in a room: all see and hear each other ${Date.now() - began} ms after the last came in`,
    );
    for (const one of people) {
      await until("a tile for each", async () => (await tilesOf(one)).length === 3);
      assert.equal(await one.data("path", "path"), "forwarded");
      assert.deepEqual(one.errors, []);
    }
    const [, bob] = people;
    await bob.page.reload();
    await all(people);
    await leaveAll();
  });

  test("Firefox is in a room with Chromium, and both show a screen", async () => {
    const ada = await open("firefox");
    const link = await makeLink(ada, { name: "Mixed" });
    await joinBy(ada, link);
    await joinBy(await open("chromium", link), link);
    await joinBy(await open("firefox", link), link);
    await all(people);
    const [, bob] = people;
    for (const one of [ada, bob]) await set(one, "share-screen", true);
    for (const [one, other] of [
      [ada, bob],
      [bob, ada],
      [people[2], ada],
      [people[2], bob],
    ]) {
      await gets(one, [`${await participantId(other)}/screen`]);
    }
    await leaveAll();
  });
});
