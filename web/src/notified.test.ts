import { beforeEach, describe, expect, it } from "vitest";
import worker from "../public/sw.js?raw";
import { wishOf } from "./notified";

const ADA = "k7mq-2xwd-9hpt";
const LINK = "q3vk8m2xw7rtd";

describe("what a notification leads to", () => {
  it.each([
    ["/#calls", { kind: "calls" }],
    [`/#chat=${ADA}`, { kind: "chat", userId: ADA }],
    [`/r/${LINK}`, { kind: "room", linkId: LINK }],
    ["/", null],
    ["/#chat=nobody", null],
    ["/r/short", null],
    ["https://elsewhere.example/#calls", { kind: "calls" }],
  ])("%s", (path, wish) => {
    expect(wishOf(path)).toEqual(wish);
  });
});

/** What a page is to the service worker. */
class Page {
  focused = 0;
  told: unknown[] = [];
  constructor(readonly url: string) {}
  postMessage(data: unknown) {
    this.told.push(data);
  }
  focus() {
    this.focused += 1;
  }
}

describe("the service worker", () => {
  type Listener = (event: object) => void;
  let listeners: Map<string, Listener>;
  let pages: Page[];
  let opened: string[];
  let shown: { title: string; data: { path: string } }[];

  beforeEach(() => {
    listeners = new Map();
    [pages, opened, shown] = [[], [], []];
    const self = {
      addEventListener: (name: string, listener: Listener) => listeners.set(name, listener),
      registration: {
        showNotification: async (title: string, options: { data: { path: string } }) => {
          shown.push({ title, data: options.data });
        },
      },
      clients: {
        matchAll: async () => pages,
        openWindow: async (path: string) => {
          opened.push(path);
        },
      },
    };
    new Function("self", worker)(self);
  });

  const dispatch = async (name: string, event: object) => {
    let done: unknown;
    listeners.get(name)?.({ ...event, waitUntil: (promise: unknown) => (done = promise) });
    await done;
  };
  /** A push message comes, and its notification is clicked on. */
  const click = async (told: object) => {
    await dispatch("push", { data: { json: () => told } });
    const { data } = shown[0] as (typeof shown)[0];
    let closed = false;
    await dispatch("notificationclick", { notification: { data, close: () => (closed = true) } });
    expect(closed).toBe(true);
    return data.path;
  };
  const user = { user_id: ADA, name: "Ada" };
  const missed = { type: "missed_call", user, call_id: "c" };

  it.each([
    ["a missed call", missed, "/#calls"],
    ["a message in a room", { type: "message", user, room_id: "r", link_id: LINK }, `/r/${LINK}`],
    ["a message in a call", { type: "message", user, room_id: "r" }, `/#chat=${ADA}`],
    ["a link that is none", { type: "message", user, room_id: "r", link_id: "../../evil" }, `/#chat=${ADA}`],
    ["a user who is none", { type: "message", user: { user_id: "//evil.example", name: "" }, room_id: "r" }, "/#calls"],
    ["what cannot be read", {}, "/#calls"],
  ])("opens a page for %s", async (_, told, path) => {
    expect(await click(told)).toBe(path);
    expect(opened).toEqual([path]);
  });

  it("goes to the page that is open, and says what was clicked on", async () => {
    const page = new Page("https://calls.example/");
    pages = [new Page("https://calls.example/admin"), page];
    await click(missed);
    expect(opened).toEqual([]);
    expect(pages.map(({ focused }) => focused)).toEqual([0, 1]);
    expect(page.told).toEqual([{ type: "notification_clicked", path: "/#calls" }]);
  });

  it("prefers the page of the room", async () => {
    pages = [new Page("https://calls.example/"), new Page(`https://calls.example/r/${LINK}?user=2`)];
    await click({ type: "message", user, room_id: "r", link_id: LINK });
    expect(pages.map(({ focused }) => focused)).toEqual([0, 1]);
  });

  it("opens a page where only the operator's is open", async () => {
    pages = [new Page("https://calls.example/admin")];
    await click(missed);
    expect(opened).toEqual(["/#calls"]);
  });
});
