// What people in a room notice of a change: how long each picture stood still, and how long each voice was quiet.

/**
 * Notes, in the page, the longest time between two frames that a tile showed, and between two looks at which a played voice had brought
 * more samples that were not made up by the decoder. Keys are `participant/source`. The browser gathers statistics anew every 50 ms, so
 * sound is measured that roughly.
 */
export const watchRoom = (person) =>
  person.page.evaluate(() => {
    const gaps = new Map();
    const watch = { on: true, gaps };
    const note = (key, now) => {
      const one = gaps.get(key) ?? { at: now, gap: 0, count: 0 };
      one.gap = Math.max(one.gap, now - one.at);
      one.at = now;
      one.count += 1;
      gaps.set(key, one);
    };
    const watched = new WeakSet();
    const look = () => {
      for (const tile of document.querySelectorAll('[data-testid="tile"]')) {
        const video = tile.querySelector("video:not(.mirror)");
        if (video === null || watched.has(video)) continue;
        watched.add(video);
        const key = `${tile.dataset.participant}/${tile.dataset.source}`;
        const shown = () => {
          if (!watch.on) return;
          if (video.isConnected && !video.classList.contains("invisible")) note(key, performance.now());
          if (video.isConnected) video.requestVideoFrameCallback(shown);
          else watched.delete(video);
        };
        video.requestVideoFrameCallback(shown);
      }
      if (watch.on) setTimeout(look, 10);
    };
    look();
    const heard = new Map();
    const listen = async () => {
      const played = new Set(
        [...document.querySelectorAll("audio")].flatMap((one) =>
          one.paused || one.srcObject === null ? [] : one.srcObject.getAudioTracks().map(({ id }) => id),
        ),
      );
      for (const pc of window.__oracle.kept) {
        if (pc.connectionState === "closed") continue;
        for (const s of (await pc.getStats()).values()) {
          if (s.type !== "inbound-rtp" || s.kind !== "audio" || !played.has(s.trackIdentifier)) continue;
          const samples = (s.totalSamplesReceived ?? s.packetsReceived) - (s.concealedSamples ?? 0);
          if (samples > (heard.get(s.trackIdentifier) ?? -1)) note(window.__oracle.whose(pc, s), performance.now());
          heard.set(s.trackIdentifier, samples);
        }
      }
      if (watch.on) setTimeout(listen, 20);
    };
    listen();
    window.__room = watch;
  });

/** The gaps until now, in milliseconds; one that is still open counts. */
export const roomGaps = (person, stop = true) =>
  person.page.evaluate((stop) => {
    const now = performance.now();
    if (stop) window.__room.on = false;
    return Object.fromEntries(
      [...window.__room.gaps].map(([key, { at, gap, count }]) => [
        key,
        { gap: Math.round(Math.max(gap, now - at)), count },
      ]),
    );
  }, stop);
