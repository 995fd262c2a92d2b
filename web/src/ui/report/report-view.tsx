import { useRef } from "preact/hooks";
import type { CallReport, ReportedParticipant } from "../../sdk/protocol";
import { language, text } from "../../texts";
import { useSize } from "../use-size";
import { whenOf } from "../when";
import { spellSentence, summaryOf } from "./facts";
import { scaleOf } from "./layout";
import { Picture } from "./picture";
import { HappeningsTable, SetUp, TotalsTable } from "./tables";
import { clock, pathName, said, whoIs } from "./words";

const SWITCHES_MAX = 6;

/** `me`: this user's id; empty for whoever was not in it. */
export function ReportView({ report, me, callId }: { report: CallReport; me: string; callId: string }) {
  const ref = useRef<HTMLDivElement>(null);
  const size = useSize(ref);
  const summary = said(summaryOf(report, me));
  const scale = scaleOf(report, size?.width ?? 0);
  const when = whenOf(report.began_at_ms, Date.now(), language.value);
  return (
    <div class="report">
      <p class="report-summary" data-testid="report-summary">
        {summary}
      </p>
      <p class="faint">
        {when} · {clock(report, report.lasted_ms)}
        {!report.over && ` · ${text("report_goes_on")}`}
      </p>
      {report.spells.length > 1 && (
        <ul class="report-spells">
          {report.spells.map((spell) => (
            <li key={`${spell.from_ms} ${spell.participant_id}`}>{said(spellSentence(report, spell, me))}</li>
          ))}
        </ul>
      )}
      <div ref={ref} class="report-pictures">
        {size !== null &&
          report.participants.map((one) => (
            <figure key={one.participant_id} data-testid="report-picture">
              <figcaption>{whoIs(one, me)}</figcaption>
              <Picture
                report={report}
                participant={one}
                scale={scale}
                label={text("report_picture_of", { name: whoIs(one, me) })}
              />
              <Switches report={report} participant={one} />
            </figure>
          ))}
      </div>
      <ul class="report-legend" aria-hidden="true">
        <li class="is-direct">{text("path_direct")}</li>
        <li class="is-forwarded">{text("path_forwarded")}</li>
        {report.participants.some(wentOverTcp) && <li class="is-over-tcp">{text("path_forwarded")}, TCP/TLS</li>}
        <li class="is-received">{text("report_loss_in")}</li>
        <li class="is-sent">{text("report_loss_out")}</li>
      </ul>
      <h3>{text("report_totals")}</h3>
      <TotalsTable report={report} me={me} />
      <h3>{text("report_setup")}</h3>
      <SetUp report={report} me={me} />
      <h3>{text("report_happened")}</h3>
      <HappeningsTable report={report} me={me} />
      {report.left_out > 0 && <p class="faint">{text("report_left_out", { count: report.left_out })}</p>}
      <button type="button" class="quiet" data-testid="report-download" onClick={() => download(report, callId)}>
        {text("report_download")}
      </button>
    </div>
  );
}

/** Its picture has the colour of that in it. */
function wentOverTcp({ paths }: ReportedParticipant): boolean {
  return paths.some(({ path, protocol }) => path === "forwarded" && (protocol === "tcp" || protocol === "tls"));
}

/** Why each path was taken, under the picture of it. All of them are in the table. */
function Switches({ report, participant }: { report: CallReport; participant: ReportedParticipant }) {
  return (
    <ul class="report-switches">
      {participant.paths.slice(0, SWITCHES_MAX).map(({ from_ms, path, protocol = null, relayed, reason }) => (
        <li key={from_ms}>
          <span class={`report-key is-${path} over-${protocol ?? "udp"}`} aria-hidden="true" />
          <span class="report-ms">{clock(report, from_ms)}</span>{" "}
          {text("path_because", { path: pathName(path, { protocol, relayed }), why: text(`reason_${reason}`) })}
        </li>
      ))}
    </ul>
  );
}

function download(report: CallReport, callId: string): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `call-${callId}.json`;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
