import { expect, it } from "vitest";

const sources = import.meta.glob<string>(["./**/*.ts", "!./**/*.test.ts"], {
  query: "?raw",
  import: "default",
  eager: true,
});

it("the library imports nothing of the page, and no package", () => {
  const files = Object.entries(sources);
  expect(files.length).toBeGreaterThan(50);
  for (const [file, text] of files) {
    const depth = file.split("/").length - 2;
    for (const [, path = ""] of text.matchAll(/\bfrom "([^"]+)"|\bimport "[^"]+"/g)) {
      const up = path.match(/\.\.\//g)?.length ?? 0;
      expect(path.startsWith(".") && up <= depth, `${file} imports ${path}`).toBe(true);
    }
  }
});
