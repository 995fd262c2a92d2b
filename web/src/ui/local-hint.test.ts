import { expect, it, vi } from "vitest";

vi.stubGlobal("document", { documentElement: {} });

it.each([
  ["localhost", true],
  ["tandem.localhost", true],
  ["127.0.0.1", true],
  ["[::1]", true],
  ["calls.example.org", false],
  ["localhost.example.org", false],
  ["192.0.2.2", false],
  ["[fd00::2]", false],
])("%s: %s", async (hostname, local) => {
  const { isLocal } = await import("./local-hint");
  expect(isLocal(hostname)).toBe(local);
});
