import type { CallReport } from "../../sdk/protocol";
import { type TextKey, text } from "../../texts";
import { formatDuration } from "../duration";
import { rowsOf, setUpOf, type Totals, totalsOf } from "./facts";
import { clock, percent, rowText, whoIs } from "./words";

interface Props {
  report: CallReport;
  me: string;
}

/** How it was set up, in milliseconds since the first ring. */
export function SetUp({ report, me }: Props) {
  const steps = setUpOf(report);
  const last = Math.max(1, ...steps.map(({ atMs }) => atMs));
  return (
    <ol class="report-setup">
      {steps.map(({ key, who, atMs }) => (
        <li key={`${key} ${who?.participant_id}`}>
          <span>{text(key, { name: whoIs(who, me) })}</span>
          <span class="report-ms">{text("report_ms", { ms: atMs })}</span>
          <svg class="report-setup-bar" aria-hidden="true" width="100%" height="4">
            <rect width={`${(atMs / last) * 100}%`} height="4" />
          </svg>
        </li>
      ))}
    </ol>
  );
}

/** What everybody had over the whole call: a column each, because people are few and a phone is narrow. */
export function TotalsTable({ report, me }: Props) {
  const share = (permille: number | null) => (permille === null ? "–" : `${percent(permille)} %`);
  const ms = (value: number | null) => (value === null ? "–" : text("report_ms", { ms: Math.round(value) }));
  const whole = (value: number | null) => (value === null ? "–" : String(Math.round(value)));
  const rows: [name: TextKey, testId: string, read: (totals: Totals) => string][] = [
    ["path_direct", "direct", ({ directMs }) => formatDuration(directMs)],
    ["path_forwarded", "forwarded", ({ forwardedMs }) => formatDuration(forwardedMs)],
    ["report_loss_in", "loss-in", ({ receivedLossPermille }) => share(receivedLossPermille)],
    ["report_loss_out", "loss-out", ({ sentLossPermille }) => share(sentLossPermille)],
    ["report_jitter", "jitter", ({ jitterMs }) => ms(jitterMs)],
    ["report_round_trip", "round-trip", ({ roundTripMs }) => ms(roundTripMs)],
    ["report_frames", "frames", ({ framesPerS }) => whole(framesPerS)],
  ];
  const all = report.participants.map(totalsOf);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: with many people it scrolls, also by keyboard.
    <section class="report-scroll" aria-label={text("report_totals")} tabIndex={0}>
      <table class="report-table" data-testid="report-totals">
        <thead>
          <tr>
            <td />
            {report.participants.map((one) => (
              <th key={one.participant_id} scope="col">
                {whoIs(one, me)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, testId, read]) => (
            <tr key={name} data-testid={`report-${testId}`}>
              <th scope="row">{text(name)}</th>
              {all.map((totals, n) => (
                <td key={report.participants[n]?.participant_id}>{read(totals)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** Everything that happened, in order: what the picture shows, in words. */
export function HappeningsTable({ report, me }: Props) {
  return (
    <table class="report-table report-happenings">
      <thead>
        <tr>
          <th scope="col">{text("report_time")}</th>
          <th scope="col">{text("report_who")}</th>
          <th scope="col">{text("report_what")}</th>
        </tr>
      </thead>
      <tbody>
        {rowsOf(report).map((row) => {
          const what = rowText(row);
          return (
            <tr key={`${row.atMs} ${row.who?.participant_id} ${what}`} data-testid="report-row" data-kind={row.kind}>
              <td class="report-ms">{clock(report, row.atMs)}</td>
              <td>{whoIs(row.who, me)}</td>
              <td>{what}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
