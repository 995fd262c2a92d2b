import { expect, test } from "vitest";

import { relaysOf, stunOf } from "./ice-servers";

const stun = { urls: ["stun:a.example:8443"] };
const relay = { urls: ["turns:a.example:8443?transport=tcp"], username: "u", credential: "c" };

test("the two kinds of ICE servers are kept apart", () => {
  expect(stunOf([stun, relay])).toEqual([stun]);
  expect(relaysOf([stun, relay])).toEqual([relay]);
});
