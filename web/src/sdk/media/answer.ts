/** What the server's answer offers to connect to, and how to take only a part of it. */

/** Which of the server's candidates are tried: one who loses too much over UDP takes the others only. */
export type Candidates = "all" | "tcp";

export function offersTcp(sdp: string): boolean {
  return sdp.split("\r\n").some(isTcp);
}

export function withCandidates(sdp: string, candidates: Candidates): string {
  if (candidates === "all") return sdp;
  return sdp
    .split("\r\n")
    .filter((line) => !line.startsWith("a=candidate:") || isTcp(line))
    .join("\r\n");
}

/** RFC 8839 section 5.1: foundation, component, transport. */
function isTcp(line: string): boolean {
  return line.startsWith("a=candidate:") && line.split(" ")[2]?.toLowerCase() === "tcp";
}
