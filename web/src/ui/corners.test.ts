import { expect, it } from "vitest";
import type { Corner } from "../settings";
import { cornerByKey, nearestCorner } from "./corners";

it.each<[number, number, Corner]>([
  [10, 10, "top-left"],
  [390, 10, "top-right"],
  [199, 101, "bottom-left"],
  [201, 900, "bottom-right"],
])("dropped at %d, %d", (x, y, corner) => expect(nearestCorner(x, y, 400, 200)).toBe(corner));

it.each<[Corner, string, Corner | null]>([
  ["bottom-right", "ArrowUp", "top-right"],
  ["bottom-right", "ArrowLeft", "bottom-left"],
  ["bottom-right", "ArrowRight", null],
  ["top-left", "ArrowDown", "bottom-left"],
  ["top-left", "ArrowRight", "top-right"],
  ["top-left", "x", null],
])("%s, %s", (from, key, to) => expect(cornerByKey(from, key)).toBe(to));
