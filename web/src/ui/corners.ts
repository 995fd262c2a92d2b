/** Where the own picture sits: always in a corner, so that it never lies across a face. */

import type { Corner } from "../settings";

/** The corner of the stage that a point is nearest to. */
export function nearestCorner(x: number, y: number, width: number, height: number): Corner {
  return corner(y < height / 2, x < width / 2);
}

/** Where an arrow key moves it; null for another key, and where there is no further to go. */
export function cornerByKey(from: Corner, key: string): Corner | null {
  const top = from.startsWith("top");
  const left = from.endsWith("left");
  const to: Record<string, Corner> = {
    ArrowUp: corner(true, left),
    ArrowDown: corner(false, left),
    ArrowLeft: corner(top, true),
    ArrowRight: corner(top, false),
  };
  const next = to[key] ?? from;
  return next === from ? null : next;
}

function corner(top: boolean, left: boolean): Corner {
  return `${top ? "top" : "bottom"}-${left ? "left" : "right"}`;
}
