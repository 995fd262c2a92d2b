import { afterEach, expect, it, vi } from "vitest";
import { Emitter } from "./emitter";

afterEach(() => {
  vi.unstubAllGlobals();
});

it("calls listeners until they are taken off", () => {
  const emitter = new Emitter<{ said: [string]; done: [] }>();
  const heard: string[] = [];
  const end = emitter.on("said", (word) => heard.push(`first ${word}`));
  emitter.once("said", (word) => heard.push(`once ${word}`));
  emitter.emit("said", "a");
  emitter.emit("done");
  end();
  emitter.emit("said", "b");
  expect(heard).toEqual(["first a", "once a"]);
});

it("a listener that throws disturbs nobody, and is reported", () => {
  const reported: unknown[] = [];
  vi.stubGlobal("reportError", (error: unknown) => reported.push(error));
  const emitter = new Emitter<{ said: [] }>();
  const heard: number[] = [];
  const fault = new Error("the application's");
  emitter.on("said", () => {
    throw fault;
  });
  emitter.on("said", () => heard.push(1));
  emitter.emit("said");
  expect(heard).toEqual([1]);
  expect(reported).toEqual([fault]);
});
