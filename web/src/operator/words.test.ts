import { expect, test } from "vitest";
import { long, measuredWords, pathWords, trackWords } from "./words";

test("times have two units at most", () => {
  const rows: [number, string][] = [
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [3661, "1 h 1 min"],
    [86_400 * 2 + 3600 * 7 + 59, "2 d 7 h"],
  ];
  for (const [seconds, said] of rows) expect(long(seconds)).toBe(said);
});

test("a path is said with what carries it, where the browser could tell", () => {
  expect(pathWords(undefined)).toBe("not said yet");
  expect(pathWords({ kind: "direct", protocol: "udp", relayed: false, reason: "direct_ready" })).toBe("Direct, UDP");
  expect(pathWords({ kind: "forwarded", relayed: false, reason: "first_media" })).toBe("Through this server");
  expect(pathWords({ kind: "forwarded", protocol: "tcp", relayed: true, reason: "first_media" })).toBe(
    "Through this server, TURN, TCP",
  );
});

test("tracks are named, also those of a later server", () => {
  expect(trackWords([])).toBe("nothing on");
  expect(trackWords(["microphone", "screen_audio", "hologram"])).toBe("microphone, screen sound, hologram");
});

test("what was measured last is said as far as it was told", () => {
  expect(measuredWords(undefined)).toBe("");
  expect(measuredWords({ received_loss_permille: 4, sent_loss_permille: 80, round_trip_ms: 21 })).toBe(
    "0.4 % lost in, 8 % lost out, 21 ms",
  );
  expect(measuredWords({ round_trip_ms: 7 })).toBe("7 ms");
});
