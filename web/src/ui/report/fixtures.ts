/** A call as a report has it, for tests and for the gallery. */

import type { CallReport, Measured, ReportedParticipant } from "../../sdk/protocol";

export const ADA = "ada0-a8xn-4m2q";
export const BOB = "b0b0-9kpt-2xwd";
/** It rang for so long. */
export const ANSWERED_MS = 3_000;

const EVERY_MS = 6_000;

function measured(path: Measured["path"], n: number, bad: boolean): Measured {
  return {
    path,
    lasted_ms: EVERY_MS,
    received_loss_permille: n % 7 === 0 ? 4 : 0,
    sent_loss_permille: bad ? 70 + (n % 3) * 10 : 0,
    jitter_ms: 4 + (n % 5),
    round_trip_ms: 22 + (n % 4) * 3 + (bad ? 60 : 0),
    frames_per_s: bad ? 18 : 30,
    frozen_permille: 0,
  };
}

function participant(
  id: string,
  user_id: string,
  name: string,
  more: Partial<ReportedParticipant>,
): ReportedParticipant {
  return {
    participant_id: id,
    user: { user_id, name },
    came_ms: ANSWERED_MS,
    left_ms: ANSWERED_MS + 240_000,
    left_reason: "left",
    paths: [],
    measured: [],
    marks: [],
    ...more,
  };
}

/** Four minutes: forwarded first, then directly, through the server while Ada's way up was bad, and directly again. */
export function aCall(): CallReport {
  const at = (seconds: number) => ANSWERED_MS + seconds * 1000;
  const paths: ReportedParticipant["paths"] = [
    {
      from_ms: at(0) + 290,
      until_ms: at(2),
      path: "forwarded",
      protocol: "udp",
      relayed: false,
      reason: "first_media",
    },
    { from_ms: at(2), until_ms: at(135), path: "direct", protocol: "udp", relayed: false, reason: "direct_ready" },
    { from_ms: at(135), until_ms: at(190), path: "forwarded", protocol: "tcp", relayed: true, reason: "loss" },
    {
      from_ms: at(190),
      until_ms: at(240),
      path: "direct",
      protocol: "udp",
      relayed: false,
      reason: "direct_recovered",
    },
  ];
  const samples = (bad: boolean) =>
    Array.from({ length: 39 }, (_, n) => {
      const seconds = (n + 1) * 6;
      const path = seconds > 135 && seconds < 190 ? "forwarded" : "direct";
      return { at_ms: at(seconds), measured: measured(path, n, bad && seconds > 130 && seconds <= 160) };
    });
  return {
    began_at_ms: Date.UTC(2026, 10, 26, 17, 30),
    lasted_ms: at(240),
    over: true,
    calls: [{ call_id: "c", rang_ms: 0, answered_ms: ANSWERED_MS, over_ms: at(240), reason: "hung_up" }],
    participants: [
      participant("p1", ADA, "Ada", {
        setup_ms: 290,
        paths,
        measured: samples(true),
        marks: [
          { at_ms: at(0), what: "microphone_on" },
          { at_ms: at(0), what: "camera_on" },
          { at_ms: at(60), what: "microphone_switched" },
          { at_ms: at(150), what: "away" },
          { at_ms: at(157), what: "back" },
        ],
      }),
      participant("p2", BOB, "Bob", {
        setup_ms: 410,
        paths: paths.map((one) => ({ ...one, protocol: "udp", relayed: false })),
        measured: samples(false),
        marks: [
          { at_ms: at(20), what: "camera_lost" },
          { at_ms: at(90), what: "screen_shared" },
          { at_ms: at(120), what: "screen_ended" },
        ],
      }),
    ],
    spells: [{ from_ms: at(130), until_ms: at(160), participant_id: "p1", loss_permille: 80 }],
    restarts_ms: [],
    left_out: 0,
  };
}
