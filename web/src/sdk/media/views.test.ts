import { describe, expect, it } from "vitest";
import type { Tile } from "../protocol";
import { Views } from "./views";

const tile = (participant_id: string, width_px = 640): Tile => ({
  participant_id,
  source: "camera",
  width_px,
  height_px: 360,
  weight: "rest",
});

describe("what the page shows", () => {
  it("is told once the layout has come to rest, and only when it changed", () => {
    const views = new Views();
    views.set([], 0);
    expect(views.take(0)).toEqual([]);
    views.set([tile("a")], 0);
    views.set([tile("a"), tile("b")], 50);
    expect(views.take(100)).toBeNull();
    expect(views.take(120)).toEqual([tile("a"), tile("b")]);
    views.set([tile("a"), tile("b")], 500);
    expect(views.due).toBeNull();
  });

  it("is not told where it is back at what the server knows", () => {
    const views = new Views();
    views.set([tile("a")], 0);
    views.take(120);
    views.set([tile("a", 320)], 200);
    views.set([tile("a")], 210);
    expect(views.take(1000)).toBeNull();
  });

  it("is told again to a server that lost it, if there is anything to tell", () => {
    const views = new Views();
    views.again(0);
    expect(views.due).toBeNull();
    views.set([tile("a")], 0);
    views.take(120);
    views.again(200);
    expect(views.take(200)).toEqual([tile("a")]);
  });

  it("has no size while nobody sees the page, and goes back to what it was", () => {
    const views = new Views();
    views.setUnseen(true, 0);
    expect(views.due).toBeNull();
    views.set([tile("a"), tile("b", 0)], 0);
    expect(views.take(120)).toEqual([
      { ...tile("a", 0), height_px: 0 },
      { ...tile("b", 0), height_px: 0 },
    ]);
    expect(views.tiles).toBe(1);
    expect(views.hides(tile("a"))).toBe(true);
    expect(views.hides(tile("elsewhere"))).toBe(false);
    views.setUnseen(false, 500);
    expect(views.take(620)).toEqual([tile("a"), tile("b", 0)]);
    views.setUnseen(true, 700);
    views.setUnseen(false, 750);
    expect(views.take(1000)).toBeNull();
  });
});
