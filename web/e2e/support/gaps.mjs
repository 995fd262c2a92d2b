// What a person in a call notices of a disturbance: how long the picture stood still, how long it was quiet.

/** Notes, in the page, the longest time without a frame shown and without a packet of sound. */
export const watchGaps = (person) =>
  person.page.evaluate(() => {
    const gaps = { video: 0, audio: 0, on: true };
    const video = document.querySelector('[data-testid="remote-video"]');
    let shownAt = performance.now();
    const shown = () => {
      const now = performance.now();
      gaps.video = Math.max(gaps.video, now - shownAt);
      shownAt = now;
      if (gaps.on) video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
    let heardAt = performance.now();
    let packets = 0;
    const listen = async () => {
      const now = await window.__oracle.received();
      if (now.audioPackets !== packets) {
        gaps.audio = Math.max(gaps.audio, performance.now() - heardAt);
        heardAt = performance.now();
        packets = now.audioPackets;
      }
      if (gaps.on) setTimeout(listen, 20);
    };
    listen();
    window.__gaps = gaps;
  });

export const gapsOf = (person) =>
  person.page.evaluate(() => {
    window.__gaps.on = false;
    return { video: Math.round(window.__gaps.video), audio: Math.round(window.__gaps.audio) };
  });
