import { expect, test } from "vitest";
import { offersTcp, withCandidates } from "./answer";

const UDP = "a=candidate:1 1 udp 2130706175 192.0.2.1 8443 typ host";
const TCP = "a=candidate:2 1 tcp 1671430143 192.0.2.1 8443 typ host tcptype passive";
const sdp = (...candidates: string[]) =>
  ["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", ...candidates, "a=end-of-candidates", "a=mid:0", ""].join("\r\n");

test("of an answer, only the candidates over TCP are taken where that is wanted", () => {
  expect(offersTcp(sdp(UDP, TCP))).toBe(true);
  expect(withCandidates(sdp(UDP, TCP), "all")).toBe(sdp(UDP, TCP));
  expect(withCandidates(sdp(UDP, TCP), "tcp")).toBe(sdp(TCP));
});

test("a transport named in capitals, and one that is only in an address, are told apart", () => {
  expect(offersTcp(sdp(TCP.replace(" tcp ", " TCP ")))).toBe(true);
  expect(offersTcp(sdp("a=candidate:1 1 udp 1 tcp.example 8443 typ host"))).toBe(false);
});
