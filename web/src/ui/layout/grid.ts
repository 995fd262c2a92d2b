/** Rows and columns for a number of tiles in a box. Pure; sizes in CSS pixels. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Between tiles. */
export const GAP_PX = 8;
/** A picture may lose something at its sides: down to these a tile takes the shape that the box leaves it. */
const ASPECT_MIN = { wide: 4 / 3, narrow: 4 / 5 };
const ASPECT_MAX = 16 / 9;

/** The largest tiles of equal size, row by row, the last row in the middle. */
export function gridBoxes(count: number, box: Box): Box[] {
  if (count === 0) return [];
  const { columns, rows, tile } = fitted(count, box);
  const top = box.y + (box.height - rows * tile.height - (rows - 1) * GAP_PX) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, count - row * columns);
    const left = box.x + (box.width - inRow * tile.width - (inRow - 1) * GAP_PX) / 2;
    return {
      x: left + (index % columns) * (tile.width + GAP_PX),
      y: top + row * (tile.height + GAP_PX),
      ...tile,
    };
  });
}

function fitted(count: number, box: Size): { columns: number; rows: number; tile: Size } {
  let best = { columns: 1, rows: count, tile: tileIn(box, 1, count) };
  for (let columns = 2; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const tile = tileIn(box, columns, rows);
    // Of equally large tiles, those with fewer empty places.
    if (area(tile) > area(best.tile) * 1.01) best = { columns, rows, tile };
  }
  return best;
}

function tileIn(box: Size, columns: number, rows: number): Size {
  const width = Math.max(0, (box.width - (columns - 1) * GAP_PX) / columns);
  const height = Math.max(0, (box.height - (rows - 1) * GAP_PX) / rows);
  const least = box.width > box.height ? ASPECT_MIN.wide : ASPECT_MIN.narrow;
  return { width: Math.min(width, height * ASPECT_MAX), height: Math.min(height, width / least) };
}

function area({ width, height }: Size): number {
  return width * height;
}

/** A page is what can be told apart at a glance, and what the server sends at once at the most. */
const PAGE_TILES_MAX = 16;
const PHONE_PX = 600;

/** How many tiles a page of the grid takes without their getting too small. */
export function gridCapacity({ width, height }: Size): number {
  const [least, low] = width < PHONE_PX ? [150, 130] : [220, 140];
  return Math.min(PAGE_TILES_MAX, Math.max(2, inLine(width, least) * inLine(height, low)));
}

/** How many tiles of a length stand in a line. */
export function inLine(length: number, tile: number): number {
  return Math.max(1, Math.floor((length + GAP_PX) / (tile + GAP_PX)));
}
