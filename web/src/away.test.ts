import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watchAway } from "./away";

function page() {
  const listeners = new Map<string, () => void>();
  const one = {
    visibilityState: "visible",
    addEventListener: (type: string, listener: () => void) => listeners.set(type, listener),
  };
  const told: boolean[] = [];
  watchAway(one as unknown as Document, (away) => told.push(away));
  const show = (visibilityState: string) => {
    one.visibilityState = visibilityState;
    listeners.get("visibilitychange")?.();
  };
  return { told, show, touch: () => listeners.get("keydown")?.() };
}

describe("away", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("is a page that nobody has seen for a minute", () => {
    const { told, show } = page();
    show("hidden");
    vi.advanceTimersByTime(59_000);
    show("visible");
    show("hidden");
    vi.advanceTimersByTime(59_000);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(told).toEqual([true]);
    show("visible");
    expect(told).toEqual([true, false]);
  });

  it("is a page that nobody has touched for five minutes", () => {
    const { told, touch } = page();
    for (let minute = 0; minute < 9; minute += 1) {
      vi.advanceTimersByTime(60_000);
      touch();
    }
    expect(told).toEqual([]);
    vi.advanceTimersByTime(300_000);
    expect(told).toEqual([true]);
    touch();
    expect(told).toEqual([true, false]);
  });
});
