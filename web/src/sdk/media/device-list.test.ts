import { describe, expect, it } from "vitest";
import { choicesOf, kindsThatGrew, NO_CHOICE } from "./device-list";

const info = (kind: MediaDeviceKind, deviceId: string, label = "") => ({ kind, deviceId, label });

describe("the list of devices", () => {
  it("leaves out aliases, and what has no id before the first grant", () => {
    const list = choicesOf([
      info("audioinput", ""),
      info("audioinput", "default", "Default - Headset"),
      info("audioinput", "communications", "Communications - Headset"),
      info("audioinput", "h", "Headset"),
      info("videoinput", "c", "Webcam (046d:0825)"),
      info("audiooutput", "s", "Speaker"),
    ]);
    expect(list).toEqual({
      microphone: [{ id: "h", label: "Headset" }],
      camera: [{ id: "c", label: "Webcam" }],
      speaker: [{ id: "s", label: "Speaker" }],
    });
  });

  it("sees what was plugged in, and not what was pulled out", () => {
    const one = choicesOf([info("audioinput", "a"), info("videoinput", "c")]);
    const two = choicesOf([info("audioinput", "a"), info("audioinput", "b")]);
    expect(kindsThatGrew(one, two)).toEqual(["microphone"]);
    expect(kindsThatGrew(two, NO_CHOICE)).toEqual([]);
  });
});
