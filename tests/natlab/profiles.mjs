// The networks that people call from, and what theory says about each two of them.

/**
 * - `nat`: "none"; "cone" keeps the port and lets in only who was sent to; "symmetric" takes a random port for each destination.
 * - `passes`: what may begin from inside: "all", "all but udp", "tcp to the server" or "nothing" (a proxy in the router is all there is).
 * - `lossPercent` is of every packet in each direction, `rateKbit` is the rate of each direction.
 */
export const PROFILES = {
  open: { nat: "none", passes: "all" },
  cone: { nat: "cone", passes: "all" },
  symmetric: { nat: "symmetric", passes: "all" },
  "udp-blocked": { nat: "cone", passes: "all but udp" },
  "tcp-port-only": { nat: "cone", passes: "tcp to the server" },
  "http-proxy": { nat: "cone", passes: "nothing", proxy: true },
  "ipv6-only": { nat: "none", passes: "all", ipv6: true },
  lossy: { nat: "cone", passes: "all", lossPercent: 5 },
  narrow: { nat: "cone", passes: "all", rateKbit: 500 },
};

export const ALL = Object.keys(PROFILES);

/** The networks in which Firefox is tried too. */
export const MAIN = ["open", "cone", "symmetric", "udp-blocked", "tcp-port-only"];

/** Each network at least twice, and each rule of theory at least once. */
export const SHORT = [
  ["open", "open"],
  ["open", "symmetric"],
  ["cone", "cone"],
  ["symmetric", "cone"],
  ["symmetric", "symmetric"],
  ["udp-blocked", "open"],
  ["tcp-port-only", "udp-blocked"],
  ["http-proxy", "tcp-port-only"],
  ["cone", "http-proxy"],
  ["ipv6-only", "ipv6-only"],
  ["ipv6-only", "lossy"],
  ["lossy", "narrow"],
];

/** Every ordered pair: who calls whom makes a difference to who offers. */
export const square = (names) => names.flatMap((a) => names.map((b) => [a, b]));

/** Whether two browsers in these networks can reach each other with STUN alone (RFC 4787's mapping and filtering). */
export function directIsPossible(a, b) {
  const [p, q] = [PROFILES[a], PROFILES[b]];
  if (p.ipv6 !== q.ipv6) return false;
  if (p.passes !== "all" || q.passes !== "all") return false;
  // The port that a symmetric NAT takes towards the other is not the one that STUN saw: only who filters nothing lets it in.
  if (p.nat === "symmetric") return q.nat === "none";
  if (q.nat === "symmetric") return p.nat === "none";
  return true;
}

/** Networks that lose packets, or fill up with what a call sends, lose enough in a bad second for the page to leave direct for a while. */
export const directMayBeLeft = (a, b) => [a, b].some((name) => PROFILES[name].lossPercent || PROFILES[name].rateKbit);
