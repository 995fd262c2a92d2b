import { describe, expect, it } from "vitest";
import { whenOf } from "./when";

const NOW = new Date(2026, 4, 20, 14, 30).getTime();

describe("when", () => {
  it.each<[string, number[], string, string]>([
    ["today", [2026, 4, 20, 9, 5], "en", "09:05 AM"],
    ["today", [2026, 4, 20, 9, 5], "de", "09:05"],
    ["just before midnight", [2026, 4, 19, 23, 59], "de", "gestern, 23:59"],
    ["some days ago", [2026, 4, 16, 8, 0], "fr", "samedi, 08:00"],
    ["a week ago", [2026, 4, 13, 8, 0], "de", "13. Mai, 08:00"],
    ["last year", [2025, 11, 31, 8, 0], "en", "Dec 31, 2025, 08:00 AM"],
    ["a clock that is behind", [2026, 4, 20, 14, 31], "de", "14:31"],
  ])("%s", (_, at, language, words) => {
    const [year = 0, month = 0, day, hour, minute] = at;
    expect(whenOf(new Date(year, month, day, hour, minute).getTime(), NOW, language)).toBe(words);
  });
});
