import { expect, it } from "vitest";
import { changeSettings } from "../settings";
import { type PathFacts, pathSentence } from "./path-sentence";

const berta = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const direct: PathFacts = {
  path: "direct",
  protocol: "udp",
  roundTripMs: 12,
  reason: "direct_ready",
  direct: { outcome: "connected", here: "outside", there: "outside" },
  otherProtocol: "udp",
  throughServer: null,
  server: "up",
};
const forwarded: PathFacts = {
  ...direct,
  path: "forwarded",
  roundTripMs: 38,
  reason: "first_media",
  direct: { outcome: "never", here: "outside", there: "outside" },
};
const outcome = (outcome: PathFacts["direct"]["outcome"]) => ({ ...forwarded.direct, outcome });

const ROWS: [string, PathFacts, string][] = [
  ["direct, and all is well", direct, "Direct, 12 ms"],
  ["direct, before the first answer of a check", { ...direct, roundTripMs: null }, "Direct"],
  [
    "direct, back after a bad time",
    { ...direct, reason: "direct_recovered" },
    "Direct, 12 ms: the direct way is good again",
  ],
  [
    "direct, the server does not answer",
    { ...direct, server: "away" },
    "Direct, 12 ms: your server is away, and this call does not need it",
  ],
  [
    "direct, the server has forgotten the call",
    { ...direct, server: "lost" },
    "Direct, 12 ms: your server has lost this call, and it goes on without it",
  ],
  [
    "I asked for the server",
    { ...forwarded, throughServer: "mine", direct: outcome("off") },
    "Through your server, 38 ms: you asked for it",
  ],
  [
    "the other asked for the server",
    { ...forwarded, throughServer: "theirs", direct: outcome("off") },
    "Through your server, 38 ms: Berta asked for it",
  ],
  [
    "direct is not there yet",
    { ...forwarded, direct: outcome("trying") },
    "Through your server, 38 ms: a direct way is being looked for",
  ],
  [
    "direct is up and brings nothing yet",
    { ...forwarded, direct: outcome("connected") },
    "Through your server, 38 ms: a direct way is being tried",
  ],
  [
    "my network has only TLS on the web's port",
    { ...forwarded, protocol: "tls", direct: { outcome: "trying", here: "inside", there: "outside" } },
    "Through your server, 38 ms: your network lets only web traffic through",
  ],
  [
    "my network blocks UDP",
    { ...forwarded, protocol: "tcp" },
    "Through your server, 38 ms: your network does not let direct connections in",
  ],
  [
    "the other's network blocks UDP",
    { ...forwarded, otherProtocol: "tcp" },
    "Through your server, 38 ms: the other network does not let direct connections in",
  ],
  [
    "the other's browser does not tell, but its addresses do",
    { ...forwarded, otherProtocol: null, direct: { outcome: "never", here: "outside", there: "inside" } },
    "Through your server, 38 ms: the other network does not let direct connections in",
  ],
  [
    "the other's network has only TLS",
    { ...forwarded, otherProtocol: "tls" },
    "Through your server, 38 ms: the other network lets only web traffic through",
  ],
  [
    "both networks are closed",
    { ...forwarded, protocol: "tcp", otherProtocol: "tls" },
    "Through your server, 38 ms: neither network lets direct connections in",
  ],
  [
    "both networks have UDP, and no check comes through",
    forwarded,
    "Through your server, 38 ms: no direct way leads between the two networks",
  ],
  [
    "the server is in my own network, so STUN tells no other address",
    { ...forwarded, direct: { outcome: "never", here: "inside", there: "inside" } },
    "Through your server, 38 ms: no direct way leads between the two networks",
  ],
  [
    "much was lost on direct",
    { ...forwarded, reason: "loss", direct: outcome("connected") },
    "Through your server, 38 ms: too much got lost on the direct way",
  ],
  [
    "direct was slow",
    { ...forwarded, reason: "round_trip", direct: outcome("connected") },
    "Through your server, 38 ms: the direct way was too slow",
  ],
  [
    "direct broke",
    { ...forwarded, reason: "direct_lost", direct: outcome("broken") },
    "Through your server, 38 ms: the direct connection broke, and is tried again",
  ],
  [
    "direct is connected, and nothing comes",
    { ...forwarded, reason: "direct_stalled", direct: outcome("connected") },
    "Through your server, 38 ms: nothing came through on the direct way",
  ],
  [
    "UDP was cut in mid-call",
    { ...forwarded, reason: "direct_stalled", protocol: "tls", direct: outcome("broken") },
    "Through your server, 38 ms: your network lets only web traffic through",
  ],
  [
    "loaded again in mid-call: this page has seen no switch",
    { ...forwarded, reason: null, roundTripMs: null, direct: outcome("trying") },
    "Through your server: a direct way is being looked for",
  ],
];

it.each(ROWS)("%s", (_, facts, sentence) => expect(pathSentence(facts, berta)).toBe(sentence));

it("is said in the other languages too", () => {
  changeSettings({ language: "de" });
  expect(pathSentence({ ...forwarded, otherProtocol: "tcp" }, berta)).toBe(
    "Über Ihren Server, 38 ms: das andere Netz lässt keine direkten Verbindungen herein",
  );
  changeSettings({ language: "fr" });
  expect(pathSentence({ ...forwarded, throughServer: "theirs" }, berta)).toBe(
    "Par votre serveur, 38 ms : Berta l’a demandé",
  );
  changeSettings({ language: null });
});
