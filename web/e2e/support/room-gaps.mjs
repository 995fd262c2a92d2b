// What people in a room notice of a change: how long each picture stood still, and how long each voice was quiet.

/**
 * Notes, in the page, the longest time between two frames that a tile showed, and the longest time in which a played voice brought no
 * samples but those that the decoder made up. Keys are `participant/source`. The browser gathers statistics anew every 50 ms, so
 * sound is measured that roughly; to ask for them more often only takes time from what is measured.
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
    // Looks may come late on a busy machine, so what counts is how much of the time between two of them was not filled with sound.
    const heard = new Map();
    const voices = new Map();
    const listen = async () => {
      const played = new Set(
        [...document.querySelectorAll("audio")].flatMap((one) =>
          one.paused || one.srcObject === null ? [] : one.srcObject.getAudioTracks().map(({ id }) => id),
        ),
      );
      const filledMs = new Map();
      const isPlayed = new Set();
      for (const pc of window.__oracle.kept) {
        if (pc.connectionState === "closed") continue;
        for (const s of (await pc.getStats()).values()) {
          if (s.type !== "inbound-rtp" || s.kind !== "audio") continue;
          const ms = ((s.totalSamplesReceived ?? 0) - (s.concealedSamples ?? 0)) / 48;
          const grown = ms - (heard.get(s.trackIdentifier) ?? 0);
          heard.set(s.trackIdentifier, ms);
          const key = window.__oracle.whose(pc, s);
          // Both paths bring the same sound while it changes over from one to the other.
          filledMs.set(key, Math.max(filledMs.get(key) ?? 0, grown));
          if (played.has(s.trackIdentifier)) isPlayed.add(key);
        }
      }
      const now = performance.now();
      for (const key of new Set([...filledMs.keys(), ...voices.keys()])) {
        const one = voices.get(key) ?? { at: now, quiet: 0 };
        voices.set(key, one);
        const [passed, filled] = [now - one.at, isPlayed.has(key) ? (filledMs.get(key) ?? 0) : 0];
        one.at = now;
        // Silence that goes on over several looks is one gap.
        one.quiet = filled >= passed / 2 ? Math.max(0, passed - filled) : one.quiet + passed - filled;
        const noted = gaps.get(key) ?? { at: now, gap: 0, count: 0 };
        gaps.set(key, { at: now, gap: Math.max(noted.gap, one.quiet), count: noted.count + 1 });
      }
      if (watch.on) setTimeout(listen, 50);
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
