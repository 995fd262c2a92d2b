import { beforeEach, expect, it } from "vitest";
import { changeSettings, settings } from "../../settings";
import { forgetChosen, modeOf, override, page, pinned, toggleMode, togglePin } from "./chosen";

const tile = { participantId: "p1", source: "camera" as const };
const mode = (hasFocus: boolean) => modeOf(settings.value.layout, hasFocus, override.value);

beforeEach(() => {
  forgetChosen();
  changeSettings({ layout: "grid" });
});

it("turns to the speaker view for a screen, and back to the usual one after it", () => {
  expect([mode(false), mode(true), mode(false)]).toEqual(["grid", "speaker", "grid"]);
});

it("keeps the choice for the next call, but not one that was made against a screen", () => {
  toggleMode(true);
  expect([mode(true), mode(false), settings.value.layout]).toEqual(["grid", "grid", "grid"]);
  toggleMode(false);
  expect([mode(false), settings.value.layout]).toEqual(["speaker", "speaker"]);
});

it("pins and unpins, and a new pin is looked at", () => {
  toggleMode(true);
  page.value = 3;
  togglePin(tile);
  expect([pinned.value, page.value, mode(true)]).toEqual([tile, 0, "speaker"]);
  togglePin({ ...tile });
  expect(pinned.value).toBeNull();
});
