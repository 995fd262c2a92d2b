/** When the server is told what the page shows. Pure. */

import type { Tile } from "../protocol";

/**
 * A layout changes in several breaths: the first of them is soon enough for nobody to wait, late enough to be one of few. Until the
 * server knows anything, it sends all at its largest, so the first view is told at once.
 */
const GATHER_MS = 120;

export class Views {
  private wanted: Tile[] | null = null;
  private told: string | null = null;
  private dueAt: number | null = null;

  set(tiles: Tile[], now: number): void {
    this.wanted = tiles;
    if (JSON.stringify(tiles) === this.told) this.dueAt = null;
    else this.dueAt ??= this.told === null ? now : now + GATHER_MS;
  }

  get tiles(): number {
    return this.wanted?.length ?? 0;
  }

  /** What was told may be lost: the server has another connection of ours, or was started again. */
  again(now: number): void {
    this.told = null;
    if (this.wanted !== null) this.dueAt ??= now;
  }

  /** When to call `take`; null: there is nothing to tell. */
  get due(): number | null {
    return this.dueAt;
  }

  take(now: number): Tile[] | null {
    if (this.dueAt === null || now < this.dueAt) return null;
    this.dueAt = null;
    this.told = JSON.stringify(this.wanted);
    return this.wanted;
  }
}
