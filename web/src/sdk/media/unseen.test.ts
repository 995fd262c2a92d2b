import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { watchUnseen } from "./unseen";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("says that nobody sees a page after a while, and at once that somebody does", () => {
  const page = Object.assign(new EventTarget(), {
    visibilityState: "visible",
    pictureInPictureElement: null as object | null,
  });
  const told: boolean[] = [];
  watchUnseen(page as unknown as Document, (unseen) => told.push(unseen));
  const turns = (state: string, event = "visibilitychange") => {
    page.visibilityState = state;
    page.dispatchEvent(new Event(event));
  };
  turns("hidden");
  vi.advanceTimersByTime(1900);
  turns("visible");
  vi.advanceTimersByTime(5000);
  expect(told).toEqual([]);
  turns("hidden");
  vi.advanceTimersByTime(2100);
  expect(told).toEqual([true]);
  page.pictureInPictureElement = {};
  turns("hidden", "enterpictureinpicture");
  expect(told).toEqual([true, false]);
  page.pictureInPictureElement = null;
  turns("hidden", "leavepictureinpicture");
  vi.advanceTimersByTime(2100);
  expect(told).toEqual([true, false, true]);
  turns("visible");
  expect(told).toEqual([true, false, true, false]);
});
