import { describe, expect, it } from "vitest";
import type { Participant, Source } from "../../sdk/protocol";
import { type Arrangement, arrange, type Scene, viewOf } from "./arrange";

const DESKTOP = { width: 1256, height: 690 };
const PHONE = { width: 390, height: 660 };

function person(id: string, sources: Source[] = ["microphone", "camera"]): Participant {
  return { participant_id: id, user: { user_id: id, name: id }, sources, reconnecting: false, host: false };
}

function scene(others: Participant[], more: Partial<Scene> = {}): Scene {
  return { me: "me", others, lastSpeaker: null, mode: "grid", pinned: null, page: 0, ...more };
}

const people = (count: number) => Array.from({ length: count }, (_, index) => person(`p${index + 1}`));
const keys = ({ tiles }: Arrangement) => tiles.map((tile) => `${tile.participantId}/${tile.source}`);
const large = ({ tiles }: Arrangement) =>
  tiles.filter((tile) => tile.large).map((tile) => `${tile.participantId}/${tile.source}`);
const SCREEN: Source[] = ["microphone", "camera", "screen"];

describe("arrange", () => {
  it("has nothing to show to who is alone", () => {
    expect(arrange(scene([]), DESKTOP)).toEqual({ layout: "alone", tiles: [], near: [], page: 0, pages: 1 });
  });

  it("gives the whole stage to the only other one", () => {
    const { layout, tiles } = arrange(scene(people(1), { mode: "speaker" }), DESKTOP);
    expect(layout).toBe("single");
    expect(tiles).toMatchObject([{ participantId: "p1", source: "camera", box: { x: 0, y: 0, ...DESKTOP } }]);
  });

  it("shows the screen of the only other one beside the faces", () => {
    const shown = arrange(scene([person("p1", SCREEN)], { mode: "speaker" }), DESKTOP);
    expect(shown.layout).toBe("speaker");
    expect(large(shown)).toEqual(["p1/screen"]);
    expect(keys(shown)).toEqual(["p1/screen", "me/camera", "p1/camera"]);
  });

  it("puts everybody into the grid, screens first", () => {
    const shown = arrange(scene([person("p1"), person("p2", SCREEN)]), DESKTOP);
    expect(keys(shown)).toEqual(["p2/screen", "me/camera", "p1/camera", "p2/camera"]);
  });

  it.each<[string, Partial<Scene>, string[]]>([
    ["the first, while nobody has spoken", {}, ["p1/camera"]],
    ["who spoke last", { lastSpeaker: "p2" }, ["p2/camera"]],
    ["what is pinned", { lastSpeaker: "p2", pinned: { participantId: "p3", source: "camera" } }, ["p3/camera"]],
    ["oneself, if pinned", { pinned: { participantId: "me", source: "camera" } }, ["me/camera"]],
    ["not who is pinned and gone", { pinned: { participantId: "gone", source: "camera" } }, ["p1/camera"]],
  ])("shows large in the speaker view: %s", (_, more, expected) => {
    expect(large(arrange(scene(people(4), { mode: "speaker", ...more }), DESKTOP))).toEqual(expected);
  });

  it.each<[string, Scene["pinned"], string[]]>([
    ["two screens side by side", null, ["p1/screen", "p2/screen"]],
    ["a pinned face beside a screen", { participantId: "p3", source: "camera" }, ["p1/screen", "p3/camera"]],
    ["a pinned screen alone", { participantId: "p2", source: "screen" }, ["p2/screen"]],
  ])("with screens, shows large %s", (_, pinned, expected) => {
    const others = [person("p1", SCREEN), person("p2", SCREEN), person("p3", SCREEN)];
    const shown = arrange(scene(others, { mode: "speaker", pinned }), DESKTOP);
    expect(large(shown)).toEqual(expected);
    const boxes = shown.tiles.filter((tile) => tile.large).map((tile) => tile.box);
    if (boxes[1]) expect(boxes[0]?.x).toBeLessThan(boxes[1].x);
  });

  it("turns pages when there are more tiles than places", () => {
    const first = arrange(scene(people(20)), DESKTOP);
    const second = arrange(scene(people(20), { page: 1 }), DESKTOP);
    expect([first.page, first.pages, first.tiles.length]).toEqual([0, 2, 16]);
    expect([second.page, second.pages, second.tiles.length]).toEqual([1, 2, 5]);
    expect(new Set([...keys(first), ...keys(second)]).size).toBe(21);
  });

  it("comes back from a page that is no more", () => {
    expect(arrange(scene(people(3), { page: 7 }), DESKTOP).page).toBe(0);
  });

  it("has whoever speaks on the first page", () => {
    const first = arrange(scene(people(20), { lastSpeaker: "p19" }), DESKTOP);
    const second = arrange(scene(people(20), { lastSpeaker: "p19", page: 1 }), DESKTOP);
    expect(keys(first)).toContain("p19/camera");
    expect(keys(second)).not.toContain("p19/camera");
    expect(new Set([...keys(first), ...keys(second)]).size).toBe(21);
  });

  it.each([
    ["a desktop", DESKTOP],
    ["a phone", PHONE],
  ])("keeps the strip on the stage on %s", (_, stage) => {
    for (let count = 2; count < 12; count += 1) {
      const { tiles } = arrange(scene(people(count), { mode: "speaker" }), stage);
      for (const { box } of tiles) {
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.y).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(stage.width + 0.01);
        expect(box.y + box.height).toBeLessThanOrEqual(stage.height + 0.01);
      }
    }
  });
});

describe("view", () => {
  it("names the others' tiles in device pixels, the weightiest first and those without a picture last", () => {
    const others = [person("p1", ["microphone"]), person("p2"), person("p3", SCREEN), person("p4")];
    const at = scene(others, { lastSpeaker: "p4", pinned: { participantId: "p1", source: "camera" } });
    const view = viewOf(arrange(at, DESKTOP), at, 2);
    expect(view.map(({ participant_id, source, weight }) => `${participant_id}/${source} ${weight}`)).toEqual([
      "p3/screen screen",
      "p4/camera speaker",
      "p2/camera rest",
      "p3/camera rest",
      "p1/camera pinned",
    ]);
    const shown = arrange(at, DESKTOP).tiles[0]?.box;
    expect(view[0]).toMatchObject({
      width_px: Math.round((shown?.width ?? 0) * 2),
      height_px: Math.round((shown?.height ?? 0) * 2),
    });
  });

  it("names what is on the pages beside this one without a size, the next page first", () => {
    const at = scene(people(60), { page: 1 });
    const shown = arrange(at, DESKTOP);
    const view = viewOf(shown, at, 1);
    const sized = view.filter(({ width_px }) => width_px > 0);
    expect(sized).toHaveLength(shown.tiles.length);
    expect(view).toHaveLength(32);
    const [next] = arrange({ ...at, page: 2 }, DESKTOP).tiles;
    expect(view[sized.length]).toMatchObject({ participant_id: next?.participantId, width_px: 0, height_px: 0 });
  });
});
