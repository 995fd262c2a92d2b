import { expect, it } from "vitest";
import { newMessageId } from "./message-id";

it("draws ids as the server reads them", () => {
  expect(newMessageId((bytes) => bytes.fill(255))).toBe("0zzzzzzzzzzzz");
  const ids = new Set(Array.from({ length: 100 }, () => newMessageId()));
  expect(ids.size).toBe(100);
  for (const id of ids) expect(id).toMatch(/^0[0-9a-hjkmnp-tv-z]{12}$/);
});
