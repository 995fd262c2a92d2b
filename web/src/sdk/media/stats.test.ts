import { afterEach, expect, test, vi } from "vitest";
import { readInbound } from "./stats";

afterEach(() => vi.useRealTimers());

test("statistics that never come do not hold up who waits for them", async () => {
  vi.useFakeTimers();
  const stuck = { connectionState: "connected", getStats: () => new Promise(() => {}) } as unknown as RTCPeerConnection;
  const read = readInbound(stuck);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await read).toBeNull();
});
