/** What is shown where: who is in the room, what the user chose and how large the stage is -> tiles with their places. Pure. */

import type { Participant, Source, Tile, Weight } from "../../sdk/protocol";
import { type Box, GAP_PX, gridBoxes, gridCapacity, inLine, type Size } from "./grid";

export type Mode = "grid" | "speaker";
/** `alone`: nobody else is here. `single`: one other fills the stage, as in a call of two. */
export type LayoutKind = "alone" | "single" | Mode;

export interface TileId {
  participantId: string;
  source: Extract<Source, "camera" | "screen">;
}

export interface Scene {
  me: string;
  others: readonly Participant[];
  lastSpeaker: string | null;
  mode: Mode;
  pinned: TileId | null;
  /** The page that the user turned to, from 0. */
  page: number;
}

export interface PlacedTile extends TileId {
  box: Box;
  /** Large, or one of many. */
  large: boolean;
  weight: Weight;
}

export interface Arrangement {
  layout: LayoutKind;
  tiles: PlacedTile[];
  /** What is on the page after this one, and on the one before: soon to be seen, perhaps. */
  near: TileId[];
  page: number;
  pages: number;
}

/** More would leave none of them large. */
const LARGE_MAX = 2;

export function arrange(scene: Scene, stage: Size): Arrangement {
  const [other, ...more] = scene.others;
  if (other === undefined) return { layout: "alone", tiles: [], near: [], page: 0, pages: 1 };
  const whole = { x: 0, y: 0, ...stage };
  if (more.length === 0 && !other.sources.includes("screen")) {
    const tile = { ...camera(other.participant_id), box: whole, large: true, weight: "speaker" as const };
    return { layout: "single", tiles: [tile], near: [], page: 0, pages: 1 };
  }
  return scene.mode === "grid" ? grid(scene, whole) : speaker(scene, whole);
}

export function isSameTile(one: TileId | null, other: TileId | null): boolean {
  return one?.participantId === other?.participantId && one?.source === other?.source;
}

function camera(participantId: string): TileId {
  return { participantId, source: "camera" };
}

/** Screens first, then the own picture, then the others in the order of coming. */
function everything({ me, others }: Scene): TileId[] {
  return [...screens(others), camera(me), ...others.map((one) => camera(one.participant_id))];
}

function screens(others: readonly Participant[]): TileId[] {
  return others
    .filter((one) => one.sources.includes("screen"))
    .map((one) => ({ participantId: one.participant_id, source: "screen" }));
}

function weightOf(tile: TileId, scene: Scene): Weight {
  if (tile.source === "screen") return "screen";
  if (isSameTile(tile, scene.pinned)) return "pinned";
  return tile.participantId === scene.lastSpeaker ? "speaker" : "rest";
}

function grid(scene: Scene, box: Box): Arrangement {
  const paged = pageOf(everything(scene), scene, gridCapacity(box));
  const boxes = gridBoxes(paged.tiles.length, box);
  return { layout: "grid", ...paged, tiles: place(paged.tiles, boxes, scene, false) };
}

function speaker(scene: Scene, whole: Box): Arrangement {
  const large = largeTiles(scene);
  const rest = everything(scene).filter((tile) => !large.some((one) => isSameTile(one, tile)));
  const { stage, strip } = split(whole);
  const across = strip.width > strip.height;
  const tile = across
    ? { width: Math.min(strip.height * (4 / 3), (strip.width - 2 * GAP_PX) / 3), height: strip.height }
    : { width: strip.width, height: strip.width * (9 / 16) };
  const capacity = across ? inLine(strip.width, tile.width) : inLine(strip.height, tile.height);
  const paged = pageOf(rest, scene, capacity);
  const length = paged.tiles.length * ((across ? tile.width : tile.height) + GAP_PX) - GAP_PX;
  const boxes = paged.tiles.map((_, index) =>
    across
      ? { ...tile, x: strip.x + (strip.width - length) / 2 + index * (tile.width + GAP_PX), y: strip.y }
      : { ...tile, x: strip.x, y: strip.y + (strip.height - length) / 2 + index * (tile.height + GAP_PX) },
  );
  return {
    layout: "speaker",
    ...paged,
    tiles: [
      ...place(large, shaped(large, sideBySide(large.length, stage), stage), scene, true),
      ...place(paged.tiles, boxes, scene, false),
    ],
  };
}

/** What is pinned; beside a screen, which is not hidden by it; else the screens; else who spoke last. */
function largeTiles(scene: Scene): TileId[] {
  const { pinned } = scene;
  const shared = screens(scene.others);
  const isThere = pinned !== null && everything(scene).some((tile) => isSameTile(tile, pinned));
  if (isThere && pinned.source === "screen") return [pinned];
  if (isThere) return [...shared.slice(0, LARGE_MAX - 1), pinned];
  if (shared.length > 0) return shared.slice(0, LARGE_MAX);
  const speaker = scene.others.find((one) => one.participant_id === scene.lastSpeaker) ?? scene.others[0];
  return speaker ? [camera(speaker.participant_id)] : [];
}

/** The strip lies beside the stage on a wide window, below it on a narrow one. */
function split(whole: Box): { stage: Box; strip: Box } {
  if (whole.width > whole.height * 1.1) {
    const width = Math.round(Math.min(240, Math.max(120, whole.width * 0.19)));
    const stage = { ...whole, width: Math.max(0, whole.width - width - GAP_PX) };
    return { stage, strip: { ...whole, x: stage.width + GAP_PX, width } };
  }
  const height = Math.round(Math.min(140, Math.max(90, whole.height * 0.17)));
  const stage = { ...whole, height: Math.max(0, whole.height - height - GAP_PX) };
  return { stage, strip: { ...whole, y: stage.height + GAP_PX, height } };
}

function sideBySide(count: number, { x, y, width, height }: Box): Box[] {
  const across = width > height;
  const one = across
    ? { width: (width - (count - 1) * GAP_PX) / count, height }
    : { width, height: (height - (count - 1) * GAP_PX) / count };
  return Array.from({ length: count }, (_, index) => ({
    ...one,
    x: across ? x + index * (one.width + GAP_PX) : x,
    y: across ? y : y + index * (one.height + GAP_PX),
  }));
}

/** A large tile takes the shape of what is in it, as far as that is known: no bars, and no face cut to a slit. */
function shaped(tiles: TileId[], boxes: Box[], stage: Size): Box[] {
  return boxes.map(({ x, y, width, height }, index) => {
    const isScreen = tiles[index]?.source === "screen";
    const least = isScreen || stage.width > stage.height ? 4 / 3 : 4 / 5;
    const shape = {
      width: isScreen ? width : Math.min(width, height * (16 / 9)),
      height: Math.min(height, width / least),
    };
    return { ...shape, x: x + (width - shape.width) / 2, y: y + (height - shape.height) / 2 };
  });
}

function place(tiles: TileId[], boxes: Box[], scene: Scene, large: boolean): PlacedTile[] {
  return tiles.flatMap((tile, index) => {
    const box = boxes[index];
    return box ? [{ ...tile, box, large, weight: weightOf(tile, scene) }] : [];
  });
}

/** Cuts one page out. Who speaks is on the first one, in the place of its last tile: nobody is looked for over pages. */
function pageOf(
  all: TileId[],
  scene: Scene,
  capacity: number,
): Pick<Arrangement, "near" | "page" | "pages"> & { tiles: TileId[] } {
  const pages = Math.max(1, Math.ceil(all.length / capacity));
  const page = Math.min(scene.page, pages - 1);
  const tiles = [...all];
  const speaking = tiles.findIndex((tile) => tile.participantId === scene.lastSpeaker && tile.source === "camera");
  const last = capacity - 1;
  const [speaker, moved] = [tiles[speaking], tiles[last]];
  if (speaking > last && speaker && moved) {
    tiles[last] = speaker;
    tiles[speaking] = moved;
  }
  const at = (which: number) => (which < 0 ? [] : tiles.slice(which * capacity, (which + 1) * capacity));
  return { tiles: at(page), near: [...at(page + 1), ...at(page - 1)], page, pages };
}

const SIDE_PX_MAX = 0xffff;

/** The server reads no more. */
const TILES_MAX = 32;

/**
 * What the server is told: the others' tiles in device pixels, what matters most first, and last those without a picture yet. Those
 * of the pages beside this one have no size: where there are slots for them, a turn of the page finds them there.
 */
export function viewOf({ tiles, near }: Arrangement, scene: Scene, pixelRatio: number): Tile[] {
  const px = (side: number) => Math.min(SIDE_PX_MAX, Math.max(0, Math.round(side * pixelRatio)));
  const has = (tile: TileId) =>
    scene.others.some((one) => one.participant_id === tile.participantId && one.sources.includes(tile.source));
  const rank = (tile: PlacedTile) => (has(tile) ? 0 : 10) + WEIGHTS.indexOf(tile.weight);
  const others = <T extends TileId>(list: T[]) => list.filter((tile) => tile.participantId !== scene.me);
  const shown: Tile[] = others(tiles)
    .sort((one, other) => rank(one) - rank(other))
    .map((tile) => ({
      participant_id: tile.participantId,
      source: tile.source,
      width_px: px(tile.box.width),
      height_px: px(tile.box.height),
      weight: tile.weight,
    }));
  const hidden = others(near).map(
    (tile): Tile => ({
      participant_id: tile.participantId,
      source: tile.source,
      width_px: 0,
      height_px: 0,
      weight: "rest",
    }),
  );
  return [...shown, ...hidden].slice(0, TILES_MAX);
}

const WEIGHTS: Weight[] = ["screen", "pinned", "speaker", "rest"];
