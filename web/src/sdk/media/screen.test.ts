import { describe, expect, it } from "vitest";
import { openScreen, type ScreenWorld } from "./screen";

const track = () => ({ contentHint: "", stop: () => {} }) as MediaStreamTrack;
const stream = (video: MediaStreamTrack[], audio: MediaStreamTrack[]) =>
  ({ getVideoTracks: () => video, getAudioTracks: () => audio }) as unknown as MediaStream;
const failing =
  (name: string): ScreenWorld =>
  async () => {
    throw Object.assign(new Error(), { name });
  };

describe("showing a screen", () => {
  it("brings the picture, and the sound where the browser has it", async () => {
    const [picture, sound] = [track(), track()];
    expect(await openScreen(async () => stream([picture], [sound]))).toEqual({ screen: picture, screen_audio: sound });
    expect(picture.contentHint).toBe("detail");
    expect(await openScreen(async () => stream([picture], []))).toEqual({ screen: picture, screen_audio: null });
  });

  it("is nothing where the user cancels, or the browser has no way to do it", async () => {
    const nothing = { screen: null, screen_audio: null };
    expect(await openScreen(failing("NotAllowedError"))).toEqual(nothing);
    expect(await openScreen(undefined)).toEqual(nothing);
  });

  it("goes without sound where only that is impossible", async () => {
    const picture = track();
    const world: ScreenWorld = async ({ audio }) => (audio ? failing("NotReadableError")({}) : stream([picture], []));
    expect((await openScreen(world)).screen).toBe(picture);
  });
});
