// A viewer in a room of three whose link becomes narrow in mid-call, and wide again: how soon smaller pictures come, and what stands still.

import { setTimeout as sleep } from "node:timers/promises";

import { until } from "../../web/e2e/support/person.mjs";
import { gets, joinBy, makeLink, participantId } from "../../web/e2e/support/room.mjs";

/** Downstream. Two voices with redundancy and a small picture fit, and little else. */
const RATE_KBIT = 300;
/** Estimates need this long to find out that a free link takes everything. */
const BEST_WITHIN_MS = 20_000;
/** The best has been there for so long before the link is cut. */
const SETTLED_MS = 3_000;
const NARROW_MS = 20_000;
/** The way back up is by probing, and a layer goes up only with room to spare. */
const BACK_WITHIN_MS = 60_000;
/** As many lines as three layers take in Chromium, at a rate that several encoders of one machine keep. */
const CAMERA = { width: 960, height: 540 };
/** The low layer has a quarter of that, the middle one half. */
const LOW_WIDTH_MAX = CAMERA.width / 4;

/**
 * Notes in the viewer's page, for each camera of others: the size of what is decoded, whether its tile says that it is paused, and the
 * longest time between two frames that its tile showed while it was not; and of each voice the longest time without a packet.
 */
const watch = (viewer) =>
  viewer.page.evaluate(() => {
    const seen = { on: true, from: performance.now(), pictures: {}, voices: {} };
    const pictureOf = (key, now) => {
      seen.pictures[key] ??= {
        at: now,
        gap: 0,
        gapAt: 0,
        frames: 0,
        paused: false,
        pausedMs: 0,
        pauses: 0,
        widths: [],
      };
      return seen.pictures[key];
    };
    const note = (one, now) => {
      if (now - one.at > one.gap) Object.assign(one, { gap: now - one.at, gapAt: one.at - seen.from });
      one.at = now;
    };
    const watched = new WeakSet();
    const look = () => {
      const now = performance.now();
      for (const tile of document.querySelectorAll('[data-testid="tile"][data-source="camera"]')) {
        const video = tile.querySelector("video:not(.mirror)");
        if (video === null) continue;
        const one = pictureOf(`${tile.dataset.participant}/camera`, now);
        const isPaused = tile.dataset.paused === "true";
        if (isPaused) one.pausedMs += now - (one.lookedAt ?? now);
        one.lookedAt = now;
        if (isPaused !== one.paused) {
          // A pause is said, so it is no gap; what stood still before it was said is one, and so is what does after.
          if (isPaused) note(one, now);
          else one.at = now;
          one.paused = isPaused;
          one.pauses += isPaused ? 1 : 0;
        }
        if (watched.has(video)) continue;
        watched.add(video);
        const shown = () => {
          if (!seen.on) return;
          const now = performance.now();
          if (!one.paused) note(one, now);
          one.frames += 1;
          if (video.isConnected) video.requestVideoFrameCallback(shown);
          else watched.delete(video);
        };
        video.requestVideoFrameCallback(shown);
      }
      if (seen.on) setTimeout(look, 20);
    };
    look();
    const count = async () => {
      for (const pc of window.__oracle.kept) {
        // What is left of direct, from when only two were there, says nothing of the forwarded path.
        if (pc.connectionState === "closed" || !pc.remoteDescription?.sdp.includes("a=ice-lite")) continue;
        for (const s of (await pc.getStats()).values()) {
          if (s.type !== "inbound-rtp") continue;
          const key = window.__oracle.whose(pc, s);
          const now = performance.now();
          if (key?.endsWith("/camera")) {
            const one = pictureOf(key, now);
            one.decoded = s.framesDecoded ?? 0;
            const last = one.widths.at(-1);
            if (s.frameWidth && s.frameWidth !== last?.width)
              one.widths.push({ width: s.frameWidth, at: now - seen.from });
          } else if (key?.endsWith("/microphone")) {
            seen.voices[key] ??= { at: now, gap: 0, packets: 0, lost: 0, concealed: 0 };
            const voice = seen.voices[key];
            if (s.packetsReceived !== voice.packets) {
              voice.gap = Math.max(voice.gap, now - voice.at);
              voice.at = now;
            }
            Object.assign(voice, {
              packets: s.packetsReceived,
              lost: s.packetsLost,
              concealed: s.concealedSamples / s.totalSamplesReceived,
            });
          }
        }
      }
      if (seen.on) setTimeout(count, 50);
    };
    count();
    window.__narrow = seen;
  });

/** What was noted until now; a gap that is still open counts. */
const noted = (viewer, stop = false) =>
  viewer.page.evaluate((stop) => {
    const seen = window.__narrow;
    const now = performance.now();
    if (stop) seen.on = false;
    const pictures = Object.entries(seen.pictures).map(([key, one]) => {
      const open = one.paused ? 0 : now - one.at;
      return { ...one, key, gap: Math.round(Math.max(one.gap, open)), width: one.widths.at(-1)?.width };
    });
    const voices = Object.entries(seen.voices).map(([key, one]) => {
      return { ...one, key, gap: Math.round(Math.max(one.gap, now - one.at)) };
    });
    return { ms: now - seen.from, pictures, voices };
  }, stop);

/** Three in a room, and the viewer gets both cameras at their best. */
async function gather(lab, kind) {
  const camera = { cameraSize: CAMERA };
  const [ada, bob, viewer] = await Promise.all([
    lab.person(kind, "a", "open", camera),
    lab.person(kind, "b", "open", camera),
    // Wide enough for two tiles that a middle layer does not suffice for.
    lab.person(kind, "c", "cone", { ...camera, width: 1700, height: 1200 }),
  ]);
  const link = await makeLink(ada, { name: "narrow" });
  for (const one of [ada, bob, viewer]) await joinBy(one, link);
  const ids = await Promise.all([ada, bob].map(participantId));
  // It is about what the viewer gets; its own camera would be load on the machine.
  await viewer.click("camera");
  const keys = ids.flatMap((id) => [`${id}/camera`, `${id}/microphone`]);
  await gets(viewer, keys);
  return { ada, bob, viewer, link };
}

/** Waits until both pictures come as wide as `isFine` wants; gives the seconds that took. */
async function waitForWidths(what, viewer, isFine, patience) {
  const began = Date.now();
  await until(
    what,
    async () => {
      const { pictures } = await noted(viewer);
      if (pictures.length === 2 && pictures.every((one) => !one.paused && isFine(one))) return true;
      throw new Error(JSON.stringify(pictures.map(({ width, paused, decoded }) => ({ width, paused, decoded }))));
    },
    patience,
  );
  return (Date.now() - began) / 1000;
}

/** When every picture was small or paused, and at least one small, in seconds since the watch began; null: never, to its end. */
function lowAfterS(pictures) {
  const isLow = (one) => one.width <= LOW_WIDTH_MAX;
  const carried = pictures.filter((one) => !one.paused);
  if (carried.length === 0 || !carried.every(isLow)) return null;
  const since = (one) => one.widths.find(({ width }) => width <= LOW_WIDTH_MAX).at;
  return Math.max(...carried.map(since)) / 1000;
}

/**
 * The widths of the two pictures before the cut: their best, or what a machine that is short of CPU time has come to, which is more than
 * the low layer.
 */
async function widthsBefore(viewer) {
  const deadline = Date.now() + BEST_WITHIN_MS;
  let widths = {};
  await until(
    "both cameras come better than low",
    async () => {
      const { pictures } = await noted(viewer);
      const known = pictures.map(({ width }) => width ?? 0);
      widths = Object.fromEntries(pictures.map(({ key, width }) => [key, width]));
      if (known.length === 2 && Math.min(...known) >= CAMERA.width) return true;
      if (known.length === 2 && Math.min(...known) > LOW_WIDTH_MAX && Date.now() > deadline) return true;
      throw new Error(known.join());
    },
    2 * BEST_WITHIN_MS,
  );
  return widths;
}

/** One cut of the viewer's link, with a queue before it that holds packets for so long. */
export async function narrowLink(lab, kind, queueMs) {
  const measured = { browser: kind, queueMs, rateKbit: RATE_KBIT, wrong: [] };
  try {
    const { ada, bob, viewer } = await gather(lab, kind);
    await watch(viewer);
    measured.before = await widthsBefore(viewer);
    await sleep(SETTLED_MS);
    await noted(viewer, true);

    await watch(viewer);
    viewer.client.uplink.narrow(RATE_KBIT, queueMs);
    await sleep(NARROW_MS);
    const narrow = await noted(viewer, true);
    measured.narrow = narrow;
    measured.lowAfterS = lowAfterS(narrow.pictures);
    measured.seconds = Math.max(...narrow.pictures.map(({ gap }) => gap)) / 1000;
    measured.quietS = Math.max(...narrow.voices.map(({ gap }) => gap)) / 1000;

    await watch(viewer);
    viewer.client.uplink.widen();
    measured.backAfterS = await waitForWidths(
      "both cameras come at their best again",
      viewer,
      (one) => one.width >= measured.before[one.key],
      BACK_WITHIN_MS,
    );
    await noted(viewer, true);
    for (const one of [viewer, bob, ada]) await one.click("hang-up");
  } catch (error) {
    measured.wrong.push(error.message);
  } finally {
    lab.network.client("c", "cone").uplink.widen();
    for (const [side, profile] of [
      ["a", "open"],
      ["b", "open"],
      ["c", "cone"],
    ])
      await lab.forget(kind, side, profile);
  }
  return measured;
}
