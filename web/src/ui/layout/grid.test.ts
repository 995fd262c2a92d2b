import { describe, expect, it } from "vitest";
import { type Box, gridBoxes, gridCapacity } from "./grid";

const DESKTOP = { x: 0, y: 0, width: 1256, height: 690 };
const PHONE = { x: 0, y: 0, width: 390, height: 660 };

/** Columns and rows that the boxes stand in. */
function shape(boxes: Box[]): string {
  const columns = Math.max(...boxes.map(({ y }) => boxes.filter((one) => one.y === y).length));
  return `${columns}x${new Set(boxes.map(({ y }) => y)).size}`;
}

describe("grid", () => {
  it.each([
    [2, DESKTOP, "2x1"],
    [3, DESKTOP, "2x2"],
    [4, DESKTOP, "2x2"],
    [5, DESKTOP, "3x2"],
    [9, DESKTOP, "3x3"],
    [12, DESKTOP, "4x3"],
    [16, DESKTOP, "4x4"],
    [2, PHONE, "1x2"],
    [4, PHONE, "2x2"],
    [6, PHONE, "2x3"],
  ])("puts %i tiles in the shape that makes them largest", (count, box, expected) => {
    expect(shape(gridBoxes(count, box))).toBe(expected);
  });

  it("keeps every tile inside, clear of the others, and of one size", () => {
    for (const box of [DESKTOP, PHONE, { x: 40, y: 30, width: 300, height: 120 }]) {
      for (let count = 1; count <= 16; count += 1) {
        const boxes = gridBoxes(count, box);
        expect(boxes).toHaveLength(count);
        for (const [index, one] of boxes.entries()) {
          expect(one.x).toBeGreaterThanOrEqual(box.x - 0.01);
          expect(one.y).toBeGreaterThanOrEqual(box.y - 0.01);
          expect(one.x + one.width).toBeLessThanOrEqual(box.x + box.width + 0.01);
          expect(one.y + one.height).toBeLessThanOrEqual(box.y + box.height + 0.01);
          expect([one.width, one.height]).toEqual([boxes[0]?.width, boxes[0]?.height]);
          for (const two of boxes.slice(0, index)) expect(overlaps(one, two)).toBe(false);
        }
      }
    }
  });

  it("stands the last row in the middle", () => {
    const [first, second, third] = gridBoxes(3, DESKTOP);
    const middle = (box: Box | undefined) => (box ? box.x + box.width / 2 : Number.NaN);
    expect(middle(third)).toBeCloseTo((middle(first) + middle(second)) / 2);
  });

  it("takes 16 tiles to a page on a desktop and fewer on a phone", () => {
    expect(gridCapacity(DESKTOP)).toBe(16);
    expect(gridCapacity(PHONE)).toBe(8);
    expect(gridCapacity({ width: 100, height: 60 })).toBe(2);
  });
});

function overlaps(one: Box, two: Box): boolean {
  const apart = (a: number, aLength: number, b: number, bLength: number) => a + aLength <= b || b + bLength <= a;
  return !apart(one.x, one.width, two.x, two.width) && !apart(one.y, one.height, two.y, two.height);
}
