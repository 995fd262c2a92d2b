/** When the server is told what the page shows. Pure. */

import type { Tile } from "../protocol";

/**
 * A layout changes in several breaths: the first of them is soon enough for nobody to wait, late enough to be one of few. Until the
 * server knows anything, it sends all at its largest, so the first view is told at once.
 */
const GATHER_MS = 120;

export class Views {
  private shown: Tile[] | null = null;
  private unseen = false;
  private told: string | null = null;
  private dueAt: number | null = null;

  set(tiles: Tile[], now: number): void {
    this.shown = tiles;
    this.changed(now);
  }

  /** Nobody sees the page: its tiles keep their slots, and no pictures are sent for nothing. */
  setUnseen(unseen: boolean, now: number): void {
    if (this.unseen === unseen) return;
    this.unseen = unseen;
    if (this.shown !== null) this.changed(now);
  }

  /** Those that are on the page; others only wait to be turned to. */
  get tiles(): number {
    return this.shown?.filter(({ width_px }) => width_px > 0).length ?? 0;
  }

  /** Whether this has a place and no size, so that nothing of it is sent. */
  hides({ participant_id, source }: Pick<Tile, "participant_id" | "source">): boolean {
    const tile = this.wanted?.find((one) => one.participant_id === participant_id && one.source === source);
    return tile?.width_px === 0;
  }

  private get wanted(): Tile[] | null {
    return this.unseen ? (this.shown?.map((tile) => ({ ...tile, width_px: 0, height_px: 0 })) ?? null) : this.shown;
  }

  private changed(now: number): void {
    if (JSON.stringify(this.wanted) === this.told) this.dueAt = null;
    else this.dueAt ??= this.told === null ? now : now + GATHER_MS;
  }

  /** What was told may be lost: the server has another connection of ours, or was started again. */
  again(now: number): void {
    this.told = null;
    if (this.shown !== null) this.dueAt ??= now;
  }

  /** When to call `take`; null: there is nothing to tell. */
  get due(): number | null {
    return this.dueAt;
  }

  take(now: number): Tile[] | null {
    if (this.dueAt === null || now < this.dueAt) return null;
    this.dueAt = null;
    const { wanted } = this;
    this.told = JSON.stringify(wanted);
    return wanted;
  }
}
