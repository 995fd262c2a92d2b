import { expect, it } from "vitest";
import { type KeyAction, keyAction, type Press } from "./keys";
import type { Phase } from "./sdk/core/state";

const plain: Press = { key: "m", modified: false, repeated: false, elsewhere: false };

it.each<[string, Partial<Press>, Phase["kind"], KeyAction | null, number?, boolean?]>([
  ["m mutes", {}, "in_call", "microphone"],
  ["c turns the camera off", { key: "c" }, "in_call", "camera"],
  ["f fills the screen", { key: "f" }, "in_call", "fullscreen"],
  ["p puts the picture aside", { key: "p" }, "in_call", "picture_in_picture"],
  ["s shows the screen", { key: "s" }, "in_call", "screen"],
  ["r raises the hand", { key: "r" }, "in_call", "hand"],
  ["v changes the view", { key: "v" }, "in_call", "layout"],
  ["l lists the participants", { key: "l" }, "in_call", "participants"],
  ["t opens the chat", { key: "t" }, "in_call", "chat"],
  ["i invites", { key: "i" }, "in_call", "add_person"],
  ["an arrow turns the page", { key: "ArrowRight" }, "in_call", "next_page"],
  ["so does its key", { key: "PageUp" }, "in_call", "previous_page"],
  ["h alone does not hang up", { key: "h" }, "in_call", null],
  ["Shift+H hangs up", { key: "H" }, "in_call", "hang_up"],
  ["Shift+H takes a call back", { key: "H" }, "calling", "cancel"],
  ["m mutes before the other answers", {}, "calling", "microphone"],
  ["c turns the camera off before the other answers", { key: "c" }, "calling", "camera"],
  ["a answers", { key: "a" }, "incoming", "answer"],
  ["d declines", { key: "d" }, "incoming", "decline"],
  ["a letter that was meant for a field does not answer", { key: "a" }, "incoming", null, 1400],
  ["a means nothing in a call", { key: "a" }, "in_call", null],
  ["m means nothing at home", {}, "home", null],
  ["? helps everywhere", { key: "?" }, "home", "help"],
  ["not in a field", { elsewhere: true }, "in_call", null],
  ["not with Ctrl", { modified: true }, "in_call", null],
  ["not while it is held down", { repeated: true }, "in_call", null],
  ["not when switched off", {}, "in_call", null, 9000, false],
])("%s", (_, press, phase, action, shownMs = 9000, singleKeys = true) => {
  expect(keyAction({ ...plain, ...press }, phase, shownMs, singleKeys)).toBe(action);
});
