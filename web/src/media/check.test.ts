import { describe, expect, it } from "vitest";
import { type CheckId, type Findings, type Measured, NOTHING_FOUND, overall, rowsOf, type Verdict } from "./check";

const measured: Measured = { roundTripMs: 38, loss: 0.004, upBitrateBps: 2_140_000, upIsFloor: false };
const well: Findings = { udp: "yes", tcp: "yes", tls: "yes", measured, camera: "ready", microphone: "ready" };
const row = (findings: Findings, id: CheckId) => rowsOf(findings).find((one) => one.id === id);

describe("each row", () => {
  it.each<[string, Partial<Findings>, CheckId, Verdict, string, string | null]>([
    ["UDP works", {}, "udp", "good", "check_works", null],
    ["UDP is blocked, TLS carries the call", { udp: "no", tcp: "no" }, "udp", "bad", "check_blocked", "advice_no_udp"],
    ["nothing comes through", { udp: "no", tcp: "no", tls: "no" }, "tls", "bad", "check_blocked", "advice_no_way"],
    ["TCP is blocked, and not needed", { tcp: "no" }, "tcp", "fair", "check_blocked", "advice_spare"],
    ["no TLS at this server", { tls: "not_offered" }, "tls", "unknown", "check_not_offered", null],
    ["camera is there, not asked for yet", { camera: "asks" }, "camera", "unknown", "check_asks", null],
    ["no camera", { camera: "missing" }, "camera", "fair", "check_missing", "camera_missing"],
    ["no microphone", { microphone: "missing" }, "microphone", "bad", "check_missing", "microphone_missing"],
    ["denied", { microphone: "denied" }, "microphone", "bad", "check_denied", "microphone_denied"],
    ["in use", { camera: "in_use" }, "camera", "bad", "check_in_use", "camera_in_use"],
    ["not https", { camera: "insecure" }, "camera", "bad", "check_insecure", "insecure_context"],
    ["no connection", { measured: "failed" }, "loss", "bad", "check_no_connection", "advice_no_connection"],
  ])("%s", (_, change, id, verdict, value, advice) => {
    expect(row({ ...well, ...change }, id)).toMatchObject({ verdict, value, advice });
  });

  it.each<[Partial<Measured>, CheckId, Verdict, object]>([
    [{}, "round_trip", "good", { ms: 38 }],
    [{ roundTripMs: 320 }, "round_trip", "fair", { ms: 320 }],
    [{ roundTripMs: 900.4 }, "round_trip", "bad", { ms: 900 }],
    [{ roundTripMs: null }, "round_trip", "unknown", {}],
    [{}, "loss", "good", { percent: 0.4 }],
    [{ loss: 0.05 }, "loss", "fair", { percent: 5 }],
    [{ loss: 0.2 }, "loss", "bad", { percent: 20 }],
    [{}, "up_link", "good", { mbits: 2.14 }],
    [{ upBitrateBps: 500_000 }, "up_link", "fair", { mbits: 0.5 }],
    [{ upBitrateBps: 90_000 }, "up_link", "bad", { mbits: 0.09 }],
    [{ upIsFloor: true }, "up_link", "good", { mbits: 2.14 }],
    [{ upBitrateBps: 90_000, upIsFloor: true }, "up_link", "unknown", { mbits: 0.09 }],
  ])("%j", (change, id, verdict, values) => {
    expect(row({ ...well, measured: { ...measured, ...change } }, id)).toMatchObject({ verdict, values });
  });
});

it("is judged by its worst row, once all are known", () => {
  expect(overall(rowsOf(well))).toBe("good");
  expect(overall(rowsOf({ ...well, tls: "not_offered", camera: "asks" }))).toBe("good");
  expect(overall(rowsOf({ ...well, camera: "missing" }))).toBe("fair");
  expect(overall(rowsOf({ ...well, camera: "missing", udp: "no" }))).toBe("bad");
  expect(overall(rowsOf({ ...well, udp: "no", microphone: "pending" }))).toBe("pending");
  expect(rowsOf(NOTHING_FOUND).every(({ verdict }) => verdict === "pending")).toBe(true);
});
