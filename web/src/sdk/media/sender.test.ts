import { describe, expect, it } from "vitest";
import type { WantedLayer } from "../protocol";
import { Sender } from "./sender";

/** A sender of two encodings, whose browser needs until `finish` to change them. */
class SlowSender {
  encodings: RTCRtpEncodingParameters[] = [
    { rid: "h", active: true, maxBitrate: 500_000 },
    { rid: "f", active: true, maxBitrate: 1_700_000 },
  ];
  readonly changes: string[] = [];
  readonly tracks: (MediaStreamTrack | null)[] = [];
  private readonly waiting: (() => void)[] = [];

  getParameters = () => ({ encodings: this.encodings.map((one) => ({ ...one })) });

  setParameters = ({ encodings }: { encodings: RTCRtpEncodingParameters[] }) => {
    this.encodings = encodings;
    this.changes.push(encodings.map((one) => `${one.rid}:${one.active ? one.maxBitrate : "off"}`).join(" "));
    return new Promise<void>((resolve) => this.waiting.push(resolve));
  };

  replaceTrack = async (track: MediaStreamTrack | null) => {
    this.tracks.push(track);
  };

  async finish(): Promise<void> {
    for (const one of this.waiting.splice(0)) one();
    await settled();
  }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

const layers = (h: number | null, f: number | null): WantedLayer[] =>
  [["h", h] as const, ["f", f] as const].map(([rid, bps]) => ({ rid, active: bps !== null, bitrate_bps: bps ?? 0 }));

function make() {
  const slow = new SlowSender();
  return { slow, sender: new Sender(slow as unknown as RTCRtpSender) };
}

describe("what is wanted of the encodings", () => {
  it("is changed at once, and only if it is another than before", async () => {
    const { slow, sender } = make();
    sender.setLayers(layers(500_000, 1_700_000));
    await settled();
    expect(slow.changes).toEqual([]);
    sender.setLayers(layers(null, 900_000));
    await settled();
    expect(slow.changes).toEqual(["h:off f:900000"]);
  });

  it("leaves out what was wanted only while the browser was busy", async () => {
    const { slow, sender } = make();
    sender.setLayers(layers(500_000, null));
    await settled();
    sender.setLayers(layers(null, 2_500_000));
    sender.setLayers(layers(500_000, 2_500_000));
    sender.setLayers(layers(200_000, null));
    await slow.finish();
    expect(slow.changes).toEqual(["h:500000 f:off", "h:200000 f:off"]);
    sender.setLayers(layers(200_000, 1_000_000));
    await slow.finish();
    expect(slow.changes.at(-1)).toBe("h:200000 f:1000000");
  });

  it("keeps its order with the track", async () => {
    const { slow, sender } = make();
    sender.setLayers(layers(null, 1_000_000));
    const track = { kind: "video" } as MediaStreamTrack;
    sender.setTrack(track);
    await settled();
    expect(slow.tracks).toEqual([]);
    await slow.finish();
    expect(slow.tracks).toEqual([track]);
  });
});
