/** Which path a call takes, and why, in one sentence: a pure function of what is known. */

import type { Connection, InCall } from "../sdk/core/state";
import type { DirectFacts } from "../sdk/media/direct-facts";
import type { Path, PathProtocol, PathReason } from "../sdk/protocol";
import { type TextKey, text } from "../texts";
import { nameOf } from "./avatar";

export interface PathFacts {
  /** How the other is seen and heard. */
  path: Path;
  /** What carries it at this end; null where the browser does not tell. */
  protocol: PathProtocol | null;
  roundTripMs: number | null;
  /** Of the last switch; null where this page has seen none. */
  reason: PathReason | null;
  direct: DirectFacts;
  /** What carries the other's forwarded path, as far as it has said. */
  otherProtocol: PathProtocol | null;
  /** Who asked for the way through the server. */
  throughServer: "mine" | "theirs" | null;
  /** `away`: it may come back. `lost`: it has forgotten this call. */
  server: "up" | "away" | "lost";
}

/** "Direct, 12 ms", and why, where there is something to say. */
export interface PathWords {
  way: TextKey;
  why: TextKey | null;
}

export function pathWords(facts: PathFacts): PathWords {
  return facts.path === "direct"
    ? { way: "path_direct", why: whyDirect(facts) }
    : { way: "path_forwarded", why: whyForwarded(facts) };
}

function whyDirect({ server, reason }: PathFacts): TextKey | null {
  if (server === "lost") return "why_server_lost";
  if (server === "away") return "why_server_away";
  return reason === "direct_recovered" ? "why_recovered" : null;
}

function whyForwarded(facts: PathFacts): TextKey {
  const { throughServer, reason, direct } = facts;
  if (throughServer !== null) return throughServer === "mine" ? "why_asked_mine" : "why_asked_theirs";
  if (reason === "group") return "why_group";
  const wasDirect = direct.outcome === "connected" || direct.outcome === "broken";
  if (!wasDirect) return whyNeverDirect(facts);
  switch (reason) {
    case "loss":
      return "why_loss";
    case "round_trip":
      return "why_round_trip";
    case "direct_stalled":
      return narrowed(facts.protocol) ?? (direct.outcome === "broken" ? "why_lost" : "why_stalled");
    case "direct_lost":
    case "udp_dead":
      return narrowed(facts.protocol) ?? "why_lost";
    case "udp_loss":
      return "why_udp_loss";
    case null:
    case "first_media":
    case "udp_recovered":
    case "direct_ready":
    case "direct_recovered":
    case "always_through_server":
      return direct.outcome === "broken" ? "why_lost" : "why_testing";
  }
}

/** A network that carries only TCP cannot have a direct connection: that is the reason, whatever broke first. */
function narrowed(protocol: PathProtocol | null): TextKey | null {
  if (protocol === "tls") return "why_web_only_mine";
  return protocol === "tcp" ? "why_closed_mine" : null;
}

function whyNeverDirect({ protocol, otherProtocol, direct }: PathFacts): TextKey {
  const here = isNarrow(protocol, direct.here);
  const there = isNarrow(otherProtocol, direct.there);
  if (here && there) return "why_closed_both";
  if (here) return protocol === "tls" ? "why_web_only_mine" : "why_closed_mine";
  if (there) return otherProtocol === "tls" ? "why_web_only_theirs" : "why_closed_theirs";
  return direct.outcome === "trying" ? "why_looking" : "why_no_way";
}

/** UDP that reaches the server contradicts what missing addresses suggest: then STUN had nothing new to tell. */
function isNarrow(protocol: PathProtocol | null, reach: DirectFacts["here"]): boolean {
  return protocol === null ? reach === "inside" : protocol !== "udp";
}

export function pathFacts(phase: InCall & { path: Path }, connection: Connection): PathFacts {
  const { path, protocol, roundTripMs, reason, direct, otherProtocol, throughServer, serverLost } = phase;
  const server = serverLost ? "lost" : connection === "down" || connection === "stopping" ? "away" : "up";
  return { path, protocol, roundTripMs, reason, direct, otherProtocol, throughServer, server };
}

/** What the badge says. */
export function badgeText({ roundTripMs }: PathFacts, { way }: PathWords): string {
  return roundTripMs === null ? text(way) : text("path_round_trip", { path: text(way), ms: roundTripMs });
}

/** The whole sentence. `user`: the other. */
export function pathSentence(facts: PathFacts, user: InCall["user"]): string {
  const words = pathWords(facts);
  const badge = badgeText(facts, words);
  return words.why === null
    ? badge
    : text("path_because", { path: badge, why: text(words.why, { name: nameOf(user) }) });
}
