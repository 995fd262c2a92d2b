import { describe, expect, it } from "vitest";
import type { Path, Source } from "../protocol";
import { type Arrived, SourcePaths } from "./source-paths";

const ALL: Source[] = ["microphone", "camera", "screen"];
const BOTH_ALIVE = { direct: true, forwarded: true };
const flowing: Arrived = { microphone: 500, camera: 300, screen: 40 };

/** Everything is played from direct, where it flows. */
function onDirect(): SourcePaths {
  const paths = new SourcePaths();
  paths.aim("direct", "direct", 0);
  paths.take({ direct: flowing, forwarded: {} }, BOTH_ALIVE, ALL, 0);
  return paths;
}

const where = (paths: SourcePaths): Path[] => ALL.map((source) => paths.of(source));

describe("from where each track is played", () => {
  it("is the path that is shown at once where the other one has brought nothing", () => {
    expect(where(onDirect())).toEqual(["direct", "direct", "direct"]);
    expect(onDirect().isSettled).toBe(true);
  });

  it("changes for each track when it has come on the other path, and not before", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000);
    const sources: Source[] = [...ALL, "screen_audio"];
    const direct = { ...flowing, screen_audio: 9 };
    const at = (forwarded: Arrived, now: number) =>
      paths.take({ direct, forwarded }, BOTH_ALIVE, sources, now) ? where(paths) : null;
    expect(at({}, 1000)).toBeNull();
    expect(at({ microphone: 0, camera: 0, screen: 0 }, 1050)).toBeNull();
    expect(at({ microphone: 2, camera: 0, screen: 0 }, 1100)).toBeNull();
    expect(at({ microphone: 4, camera: 0, screen: 0 }, 1150)).toEqual(["forwarded", "direct", "direct"]);
    expect(at({ microphone: 6, camera: 1, screen: 0 }, 1200)).toEqual(["forwarded", "forwarded", "direct"]);
    expect(at({ microphone: 8, camera: 2, screen: 1 }, 1300)).toEqual(["forwarded", "forwarded", "forwarded"]);
    expect(paths.isSettled).toBe(false);
    at({ screen_audio: 0 }, 1350);
    at({ screen_audio: 3 }, 1400);
    expect(paths.isSettled).toBe(true);
  });

  it("takes no frame of who had the slot before for one of its own", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000);
    paths.take({ direct: flowing, forwarded: { camera: 900 } }, BOTH_ALIVE, ALL, 1000);
    expect(paths.of("camera")).toBe("direct");
    paths.take({ direct: flowing, forwarded: { camera: 901 } }, BOTH_ALIVE, ALL, 1050);
    expect(paths.of("camera")).toBe("forwarded");
  });

  it("does not wait for a track that is off, nor beside a path that is dead", () => {
    const off = onDirect();
    off.aim("forwarded", "forwarded", 1000);
    off.take({ direct: flowing, forwarded: {} }, BOTH_ALIVE, [], 1000);
    expect(off.isSettled).toBe(true);
    const dead = onDirect();
    dead.aim("forwarded", "forwarded", 1000);
    dead.take({ direct: flowing, forwarded: {} }, { direct: false, forwarded: true }, ALL, 1000);
    expect(dead.isSettled).toBe(true);
  });

  it("does not wait for ever for what has no place on the page", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000);
    paths.take({ direct: flowing, forwarded: {} }, BOTH_ALIVE, ALL, 4900);
    expect(paths.isSettled).toBe(false);
    paths.take({ direct: flowing, forwarded: {} }, BOTH_ALIVE, ALL, 5000);
    expect(where(paths)).toEqual(["forwarded", "forwarded", "forwarded"]);
  });

  it("waits for a picture that flows where what there is goes on", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000, true);
    const at = (camera: number, now: number) => {
      paths.take({ direct: flowing, forwarded: { camera } }, BOTH_ALIVE, ALL, now);
      return paths.of("camera");
    };
    expect(at(0, 1000)).toBe("direct");
    expect(at(2, 1100)).toBe("direct");
    expect(at(3, 1200)).toBe("forwarded");
  });

  it("stays with what it has while the server holds the other back, and believes no frame of before", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000, true);
    const at = (camera: number | null, now: number) => {
      paths.take({ direct: flowing, forwarded: { ...flowing, camera } }, BOTH_ALIVE, ALL, now);
      return paths.of("camera");
    };
    expect(at(0, 1000)).toBe("direct");
    expect(at(2, 1100)).toBe("direct");
    expect(at(null, 1200)).toBe("direct");
    expect(at(4, 6000)).toBe("direct");
    expect(at(6, 6100)).toBe("direct");
    expect(at(7, 6200)).toBe("forwarded");
  });

  it("waits longer for what is said to be sent, as on a busy machine", () => {
    const paths = onDirect();
    paths.aim("forwarded", "forwarded", 1000);
    const started = { microphone: 0, camera: 0, screen: 0 };
    paths.take({ direct: flowing, forwarded: started }, BOTH_ALIVE, ALL, 10_900);
    expect(where(paths)).toEqual(["direct", "direct", "direct"]);
    paths.take({ direct: flowing, forwarded: started }, BOTH_ALIVE, ALL, 11_000);
    expect(paths.isSettled).toBe(true);
  });

  it("stays where it is when it is asked back in time, and lets sound go ahead", () => {
    const paths = onDirect();
    paths.aim("forwarded", "direct", 1000);
    expect(paths.isSettled).toBe(false);
    paths.aim("direct", "direct", 1100);
    expect(paths.isSettled).toBe(true);
    expect(where(paths)).toEqual(["direct", "direct", "direct"]);
  });
});
