import { describe, expect, it } from "vitest";
import { constraintsOf, openDevices } from "./devices";

type Fault = "NotAllowedError" | "NotFoundError" | "NotReadableError" | null;

function world(microphone: Fault, camera: Fault, granted = false) {
  const asked: string[] = [];
  return {
    asked,
    chosen: { microphone: "", camera: "" },
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
    const opened = await openDevices(
      { cameraGranted: async () => false, chosen: { microphone: "", camera: "" } },
      true,
      true,
    );
    expect(opened.problems).toEqual(["insecure_context"]);
  });

  it.each<[string, "microphone" | "camera", string, boolean, object]>([
    ["no choice: the camera that faces the user", "camera", "", false, { facingMode: "user" }],
    ["a choice, or what there is", "camera", "c1", false, { deviceId: { ideal: "c1" } }],
    ["this one or none", "microphone", "m1", true, { deviceId: { exact: "m1" } }],
  ])("%s", (_, device, id, exactly, expected) => {
    const constraints = constraintsOf(device, id, exactly);
    expect(constraints).toMatchObject(expected);
    expect("facingMode" in constraints).toBe("facingMode" in expected);
  });
});
