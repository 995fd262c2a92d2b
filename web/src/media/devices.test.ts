import { describe, expect, it } from "vitest";
import { openDevices } from "./devices";

type Fault = "NotAllowedError" | "NotFoundError" | "NotReadableError" | null;

function world(microphone: Fault, camera: Fault, granted = false) {
  const asked: string[] = [];
  return {
    asked,
    cameraGranted: async () => granted,
    getUserMedia: async ({ audio, video }: MediaStreamConstraints) => {
      asked.push(`${audio ? "a" : ""}${video ? "v" : ""}`);
      const fault = (audio && microphone) || (video && camera);
      if (fault) throw Object.assign(new Error(), { name: fault });
      const track = (kind: string) => ({ kind, contentHint: "" });
      return {
        getAudioTracks: () => (audio ? [track("audio")] : []),
        getVideoTracks: () => (video ? [track("video")] : []),
      } as unknown as MediaStream;
    },
  };
}

describe("opening devices", () => {
  it.each<[string, Fault, Fault, boolean, boolean, string[], string[]]>([
    ["both there", null, null, true, true, [], ["av"]],
    ["no camera", null, "NotFoundError", true, false, ["camera_missing"], ["av", "a", "v"]],
    ["camera in use", null, "NotReadableError", true, false, ["camera_in_use"], ["av", "a", "v"]],
    ["camera denied", null, "NotAllowedError", true, false, ["camera_denied"], ["av", "a"]],
    ["no microphone", "NotFoundError", null, false, true, ["microphone_missing"], ["av", "a", "v"]],
    [
      "nothing there",
      "NotFoundError",
      "NotFoundError",
      false,
      false,
      ["microphone_missing", "camera_missing"],
      ["av", "a", "v"],
    ],
    [
      "all denied",
      "NotAllowedError",
      "NotAllowedError",
      false,
      false,
      ["microphone_denied", "camera_denied"],
      ["av", "a"],
    ],
  ])("%s", async (_, microphone, camera, hasMicrophone, hasCamera, problems, asked) => {
    const devices = world(microphone, camera);
    const opened = await openDevices(devices, true, true);
    expect([opened.microphone !== null, opened.camera !== null]).toEqual([hasMicrophone, hasCamera]);
    expect(opened.problems).toEqual(problems);
    expect(devices.asked).toEqual(asked);
  });

  it("asks for a camera that was granted before although the microphone is denied", async () => {
    expect((await openDevices(world("NotAllowedError", null, true), true, true)).camera).not.toBeNull();
  });

  it("knows a page without https", async () => {
    const opened = await openDevices({ cameraGranted: async () => false }, true, true);
    expect(opened.problems).toEqual(["insecure_context"]);
  });
});
