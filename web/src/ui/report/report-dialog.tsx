import { useEffect } from "preact/hooks";
import type { AppState, Input } from "../../sdk/core/state";
import { text } from "../../texts";
import { nameOf } from "../avatar";
import { Dialog } from "../dialog";
import { ReportView } from "./report-view";

/** How a call went, as a picture and in words. */
export function ReportDialog({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const { report: shown, history } = state;
  useEffect(() => () => send({ kind: "close_report" }), [send]);
  if (shown === null) return null;
  const row = history?.rows.find(({ call_id }) => call_id === shown.callId);
  const { report } = shown;
  return (
    <Dialog id="report-dialog" title={text("report_with", { name: nameOf(row?.user) })}>
      {report === null ? (
        <p class="faint">{text(shown.asking ? "report_loading" : "report_none")}</p>
      ) : (
        <ReportView report={report} me={state.me?.userId ?? ""} callId={shown.callId} />
      )}
    </Dialog>
  );
}
