// Other codecs than VP8 in a room of three: each publishes with one of its own, everybody sees everybody, and no picture stands still
// when tiles become large or small.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { SMALL_CAMERA } from "../support/camera.mjs";
import { cameraCodec, decoded } from "../support/codec.mjs";
import { within } from "../support/limits.mjs";
import { Person, until } from "../support/person.mjs";
import { gets, joinBy, makeLink, participantId } from "../support/room.mjs";
import { Server } from "../support/server.mjs";

/** A switch that waits for a key frame which never comes, or a decoder that was given half of one, stands for good. */
const STILL_MS_MAX = within(5_000);

const ROOMS = {
  "several encodings": [{ codec: "video/VP9" }, { codec: "video/AV1" }, { codec: "video/H264" }],
  "layers inside of one encoding": [
    { codec: "video/VP9", mode: "L3T3_KEY" },
    { codec: "video/VP9", mode: "L1T3" },
    { codec: "video/AV1", mode: "L1T3" },
  ],
};

describe("three cameras", { timeout: 240_000 }, () => {
  for (const [name, cameras] of Object.entries(ROOMS)) {
    describe(`with ${name}`, () => {
      let server;
      const people = [];

      after(async () => {
        for (const one of people) await one.close();
        await server?.stop();
      });

      test("are decoded by everybody, small and large", async () => {
        server = await Server.start();
        const opened = await Promise.all(
          cameras.map(() =>
            Person.open("chromium", server.url, { cameraSize: SMALL_CAMERA, width: 1000, height: 640 }),
          ),
        );
        people.push(...opened);
        for (const [at, one] of people.entries()) await one.page.evaluateOnNewDocument(cameraCodec, cameras[at]);
        const link = await makeLink(people[0], { name });
        await Promise.all(people.map((one) => joinBy(one, link)));
        const ids = await Promise.all(people.map(participantId));
        const pairs = people.flatMap((one, at) =>
          ids.flatMap((id, from) => (from === at ? [] : [{ one, id, from, who: `${at} sees ${from}` }])),
        );
        await Promise.all(pairs.map(({ one, id }) => gets(one, [`${id}/camera`])));
        const seen = () => Promise.all(pairs.map(({ one, id }) => decoded(one, id)));
        const heights = pairs.map(() => new Set());
        /** Each picture goes on: how long it took until so many more frames of it were decoded. */
        const goOn = async (what) => {
          const [before, began] = [await seen(), Date.now()];
          let now = before;
          await until(
            `all go on ${what}`,
            async () => {
              now = await seen();
              for (const [at, one] of now.entries()) heights[at].add(one.frameHeight);
              return now.every((one, at) => one.framesDecoded >= before[at].framesDecoded + 15);
            },
            STILL_MS_MAX,
          );
          const lines = now.map((one, at) => `${pairs[at].who} ${one.codec.slice(6)} ${one.frameHeight}`);
          console.log(`${what}: ${lines.join(", ")}; 15 frames in ${Date.now() - began} ms`);
          return now;
        };
        for (const [at, one] of (await goOn("in the grid")).entries()) {
          assert.equal(one.codec, cameras[pairs[at].from].codec, pairs[at].who);
        }
        // In the speaker view one of the two others is small: of the cameras that have several sizes, another one comes there. The first, who
        // has several in both rooms, alone is to be heard, and so is large with the others.
        for (const one of people.slice(1)) await one.click("mute");
        const sizes = (from) => new Set(pairs.flatMap((pair, at) => (pair.from === from ? [...heights[at]] : [])));
        const withSizes = [...cameras.keys()].filter((from) => !cameras[from].mode?.startsWith("L1"));
        for (const layout of ["speaker", "grid"]) {
          for (const one of people) await one.page.keyboard.press("v");
          for (const one of people) {
            await until(layout, async () => (await one.data("layout", "layout")) === layout);
          }
          await goOn(`on the way to ${layout}`);
          await until("a camera is seen in several sizes", async () => {
            for (const [at, one] of (await seen()).entries()) heights[at].add(one.frameHeight);
            return withSizes.some((from) => sizes(from).size > 1);
          });
          await goOn(`in ${layout}`);
        }
        for (const one of people) assert.deepEqual(one.errors, []);
      });
    });
  }
});
