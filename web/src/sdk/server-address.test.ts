import { expect, test } from "vitest";
import { serverAddress } from "./server-address";

test("a server is reached at its origin, and what belongs to it is kept apart from other servers", () => {
  expect(serverAddress("https://calls.example.org/some/page?x", "", "https://shop.example.org")).toEqual({
    origin: "https://calls.example.org",
    websocketUrl: "wss://calls.example.org/ws",
    slot: "calls.example.org",
  });
  expect(serverAddress("http://localhost:8443", "berta", "http://localhost:3000")).toEqual({
    origin: "http://localhost:8443",
    websocketUrl: "ws://localhost:8443/ws",
    slot: "localhost:8443/berta",
  });
});

test("a page of the server itself is the same user as the page for calls", () => {
  expect(serverAddress("/", "", "https://calls.example.org").slot).toBe("");
  expect(serverAddress("https://calls.example.org", "berta", "https://calls.example.org").slot).toBe("berta");
});

test("what is no address is refused with what would be one", () => {
  for (const server of ["", "calls.example.org", "ftp://calls.example.org", "javascript:alert(1)"]) {
    expect(() => serverAddress(server, "", "null"), server).toThrow("https://calls.example.org");
  }
});
