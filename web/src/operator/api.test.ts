import { expect, test } from "vitest";
import { Api, advice, Refused } from "./api";

function answering(...answers: [number, unknown][]) {
  const asked: { url: string; init: RequestInit }[] = [];
  const send = async (url: unknown, init?: RequestInit) => {
    asked.push({ url: String(url), init: init ?? {} });
    const [status, body] = answers.shift() ?? [500, ""];
    return new Response(status === 204 ? null : JSON.stringify(body), { status });
  };
  return { api: new Api("k", send as typeof fetch), asked };
}

test("a list is read to its end", async () => {
  const { api, asked } = answering([200, { items: [{ id: "a" }], next_cursor: "a=" }], [200, { items: [{ id: "b" }] }]);
  expect((await api.rooms()).map((room) => room.id)).toEqual(["a", "b"]);
  expect(asked.map((one) => one.url)).toEqual(["/api/v1/rooms?limit=100", "/api/v1/rooms?limit=100&cursor=a%3D"]);
  expect(asked[0]?.init.headers).toEqual({ Authorization: "Bearer k" });
});

test("a deed has a body only where it takes one", async () => {
  const { api, asked } = answering([204, null], [204, null]);
  await api.mute("r", "p", "microphone");
  await api.endRoom("r");
  expect(asked.map(({ url, init }) => [init.method, url, init.body])).toEqual([
    ["POST", "/api/v1/rooms/r/participants/p/mute", '{"source":"microphone"}'],
    ["DELETE", "/api/v1/rooms/r", undefined],
  ]);
});

test("a refusal says what to do", async () => {
  for (const [status, body, says] of [
    [401, { detail: "no" }, /not among those in api.keys/],
    [404, { detail: "there is nothing at /api/v1/status" }, /switched off/],
    [429, {}, /ten seconds/],
    [409, { detail: "the room has no link" }, /the room has no link/],
    [502, "<html>", /answered 502/],
  ] as const) {
    const { api } = answering([status, body]);
    const error = await api.status().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(Refused);
    expect(advice(error)).toMatch(says);
  }
  expect(advice(new TypeError("Failed to fetch"))).toMatch(/does not answer/);
});
