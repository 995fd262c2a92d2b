import { afterEach, expect, test, vi } from "vitest";
import { inboundOf, readInbound } from "./stats";

afterEach(() => vi.useRealTimers());

test("statistics that never come do not hold up who waits for them", async () => {
  vi.useFakeTimers();
  const stuck = { connectionState: "connected", getStats: () => new Promise(() => {}) } as unknown as RTCPeerConnection;
  const read = readInbound(stuck);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await read).toBeNull();
});

test.each([
  ["turn over TCP", { candidateType: "relay", protocol: "udp", relayProtocol: "tcp" }, "tcp", true],
  ["turn over UDP", { candidateType: "relay", protocol: "udp", relayProtocol: "udp" }, "udp", true],
  ["plain TCP", { candidateType: "host", protocol: "tcp" }, "tcp", false],
])("%s is told by its candidate", (_, candidate, protocol, relayed) => {
  const entries = [
    { id: "t", type: "transport", selectedCandidatePairId: "p" },
    { id: "p", type: "candidate-pair", localCandidateId: "l" },
    { id: "l", type: "local-candidate", ...candidate },
  ];
  expect(inboundOf(entries)).toMatchObject({ protocol, relayed });
});
