/** What a check of the connection found, and what it means: a pure core. check-run.ts finds it out, ui/check-dialog.tsx shows it. */

import type { TextKey } from "../texts";

/** `not_offered`: this server has no such way in, so there is nothing to try. */
export type Reached = "pending" | "yes" | "no" | "not_offered";

/** `asks`: it is there, and the browser will ask for it at the first call. */
export type DeviceFinding = "pending" | "ready" | "asks" | "missing" | "denied" | "in_use" | "insecure";

/** What a short connection to the server measured; null where the browser told nothing. */
export interface Measured {
  roundTripMs: number | null;
  /** Of what was sent, 0..1. */
  loss: number | null;
  upBitrateBps: number | null;
  /** The browser makes no estimate: that much was sent, and more may fit. */
  upIsFloor: boolean;
}

export interface Findings {
  udp: Reached;
  tcp: Reached;
  tls: Reached;
  /** `failed`: no connection came up. */
  measured: Measured | "pending" | "failed";
  camera: DeviceFinding;
  microphone: DeviceFinding;
}

export const NOTHING_FOUND: Findings = {
  udp: "pending",
  tcp: "pending",
  tls: "pending",
  measured: "pending",
  camera: "pending",
  microphone: "pending",
};

export const CHECKS = ["udp", "tcp", "tls", "round_trip", "loss", "up_link", "camera", "microphone"] as const;
export type CheckId = (typeof CHECKS)[number];

/** `unknown`: there was nothing to try, or the browser does not tell. */
export type Verdict = "pending" | "good" | "fair" | "bad" | "unknown";

export interface Row {
  id: CheckId;
  verdict: Verdict;
  value: TextKey;
  values: Record<string, number>;
  /** What to do about it. */
  advice: TextKey | null;
}

/** From where on it is fair, and from where on bad: as in quality.ts, where a call is judged. */
const ROUND_TRIP_MS = [300, 700] as const;
const LOSS = [0.03, 0.1] as const;
/** Below these: what a large picture takes, and what a small one takes. */
const UP_BITRATE_BPS = [1_000_000, 300_000] as const;

export function rowsOf(findings: Findings): Row[] {
  return CHECKS.map((id) => rowOf(id, findings));
}

/** The worst of what is known. Pending while anything is. */
export function overall(rows: Row[]): Verdict {
  const has = (verdict: Verdict) => rows.some((row) => row.verdict === verdict);
  if (has("pending")) return "pending";
  return has("bad") ? "bad" : has("fair") ? "fair" : "good";
}

function rowOf(id: CheckId, findings: Findings): Row {
  const row = (verdict: Verdict, value: TextKey, advice: TextKey | null = null, values = {}): Row => ({
    id,
    verdict,
    value,
    values,
    advice,
  });
  switch (id) {
    case "udp":
    case "tcp":
    case "tls":
      return wayRow(id, findings, row);
    case "camera":
    case "microphone":
      return deviceRow(id, findings[id], row);
    case "round_trip":
    case "loss":
    case "up_link":
      return numberRow(id, findings.measured, row);
  }
}

type MakeRow = (verdict: Verdict, value: TextKey, advice?: TextKey | null, values?: Record<string, number>) => Row;

function wayRow(id: "udp" | "tcp" | "tls", findings: Findings, row: MakeRow): Row {
  switch (findings[id]) {
    case "pending":
      return row("pending", "check_pending");
    case "yes":
      return row("good", "check_works");
    case "not_offered":
      return row("unknown", "check_not_offered");
    case "no": {
      const others = (["udp", "tcp", "tls"] as const).filter((other) => other !== id).map((other) => findings[other]);
      if (!others.includes("yes")) return row("bad", "check_blocked", "advice_no_way");
      // Where UDP works the others are only for worse days; without it they carry the call, with more delay.
      return id === "udp" ? row("bad", "check_blocked", "advice_no_udp") : row("fair", "check_blocked", "advice_spare");
    }
  }
}

function numberRow(id: "round_trip" | "loss" | "up_link", measured: Findings["measured"], row: MakeRow): Row {
  if (measured === "pending") return row("pending", "check_pending");
  if (measured === "failed") return row("bad", "check_no_connection", "advice_no_connection");
  const { roundTripMs, loss, upBitrateBps, upIsFloor } = measured;
  const judged = (value: number, [fair, bad]: readonly [number, number]): "good" | "fair" | "bad" =>
    value >= bad ? "bad" : value >= fair ? "fair" : "good";
  switch (id) {
    case "round_trip": {
      if (roundTripMs === null) break;
      const verdict = judged(roundTripMs, ROUND_TRIP_MS);
      return row(verdict, "check_ms", verdict === "good" ? null : "advice_round_trip", { ms: Math.round(roundTripMs) });
    }
    case "loss": {
      if (loss === null) break;
      const verdict = judged(loss, LOSS);
      const percent = Math.round(loss * 1000) / 10;
      return row(verdict, "check_percent", verdict === "good" ? null : "advice_loss", { percent });
    }
    case "up_link": {
      if (upBitrateBps === null) break;
      const mbits = Math.round(upBitrateBps / 10_000) / 100;
      const is = judged(-upBitrateBps, [-UP_BITRATE_BPS[0], -UP_BITRATE_BPS[1]]);
      if (!upIsFloor) return row(is, "check_mbits", is === "good" ? null : "advice_up_link", { mbits });
      // A floor proves what fits and never what does not.
      return is === "good"
        ? row("good", "check_mbits_floor", null, { mbits })
        : row("unknown", "check_mbits_floor", null, { mbits });
    }
  }
  return row("unknown", "check_not_told");
}

function deviceRow(id: "camera" | "microphone", finding: DeviceFinding, row: MakeRow): Row {
  switch (finding) {
    case "pending":
      return row("pending", "check_pending");
    case "ready":
      return row("good", "check_ready");
    case "asks":
      return row("unknown", "check_asks");
    case "missing":
      // A call without a picture is a call; without a voice it is hardly one.
      return row(id === "camera" ? "fair" : "bad", "check_missing", `${id}_missing`);
    case "denied":
      return row("bad", "check_denied", `${id}_denied`);
    case "in_use":
      return row("bad", "check_in_use", `${id}_in_use`);
    case "insecure":
      return row("bad", "check_insecure", "insecure_context");
  }
}
