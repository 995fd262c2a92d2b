import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS, parseSettings } from "./settings";

describe("stored settings", () => {
  it.each<[string, string | null, object]>([
    ["nothing stored", null, {}],
    ["no JSON", "{", {}],
    ["another shape", "[1]", {}],
    ["a word", '"x"', {}],
    [
      "values of another type",
      '{"microphone":7,"doNotDisturb":"yes","corner":"middle","language":"xx","checkedAt":"now"}',
      {},
    ],
    ["an unknown key", '{"ringtone":"x","camera":"c1"}', { camera: "c1" }],
    [
      "all well",
      '{"cameraOff":true,"doNotDisturb":true,"singleKeys":false,"corner":"top-left","language":"fr","checkedAt":7}',
      {
        cameraOff: true,
        doNotDisturb: true,
        singleKeys: false,
        corner: "top-left",
        language: "fr",
        checkedAt: 7,
      },
    ],
  ])("%s", (_, stored, changed) => {
    expect(parseSettings(stored)).toEqual({ ...DEFAULT_SETTINGS, ...changed });
  });
});
