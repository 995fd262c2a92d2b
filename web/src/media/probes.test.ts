import { expect, it } from "vitest";
import { serversOn, type Way } from "./probes";

const login = { username: "1780000000:s", credential: "c" };
const servers = [
  { urls: ["stun:calls.example.org:443"] },
  {
    urls: [
      "turn:calls.example.org:443?transport=udp",
      "turn:calls.example.org:443?transport=tcp",
      "turns:calls.example.org:443?transport=tcp",
    ],
    ...login,
  },
];

it.each<[Way, object[]]>([
  ["udp", [{ urls: ["stun:calls.example.org:443"] }]],
  ["tcp", [{ urls: ["turn:calls.example.org:443?transport=tcp"], ...login }]],
  ["tls", [{ urls: ["turns:calls.example.org:443?transport=tcp"], ...login }]],
])("%s is tried alone, with its credentials", (way, wanted) => expect(serversOn(way, servers)).toEqual(wanted));

it("finds no way where none is offered", () => {
  expect(serversOn("tls", [{ urls: ["turn:a:1"] }])).toEqual([]);
  expect(serversOn("tcp", [{ urls: ["turn:a:1"] }])).toEqual([]);
  expect(serversOn("udp", [])).toEqual([]);
});
