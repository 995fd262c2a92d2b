import { expect, test } from "vitest";
import { isShown, sizeOf } from "./files";

test("a size is said as people say it", () => {
  expect(sizeOf(1, "en")).toBe("1 byte");
  expect(sizeOf(999, "en")).toBe("999 bytes");
  expect(sizeOf(1536, "en")).toBe("1.5 kB");
  expect(sizeOf(25 * 1024 * 1024, "en")).toBe("25 MB");
  expect(sizeOf(1536, "de")).toBe("1,5 kB");
});

test("pictures of a modest size are shown, and nothing else", () => {
  const file = { file_id: "", name: "", bytes: 9, kept: true } as const;
  expect(isShown({ ...file, kind: "png" })).toBe(true);
  expect(isShown({ ...file, kind: "other" })).toBe(false);
  expect(isShown({ ...file, kind: "png", kept: false })).toBe(false);
  expect(isShown({ ...file, kind: "gif", bytes: 9 * 1024 * 1024 })).toBe(false);
});
