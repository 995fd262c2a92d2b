import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { CallReport } from "../sdk/protocol";
import { ReportView } from "../ui/report/report-view";
import type { PastCall } from "./api";
import { act, past, unfoldPast } from "./watch";
import { long } from "./words";

/** Which report lies over the page. */
const shown = signal<{ call: string; report: CallReport } | null>(null);

/** The newest calls that are over, each with its report. */
export function PastCalls() {
  const calls = past.value;
  return (
    <section class="card">
      <h2>
        <button
          type="button"
          class="fold"
          data-testid="operator-past"
          aria-expanded={calls !== null}
          aria-controls="past-calls"
          onClick={() => unfoldPast(calls === null)}
        >
          Calls that are over
        </button>
      </h2>
      <ul id="past-calls" class="people" hidden={calls === null}>
        {calls?.length === 0 && <li class="faint">None was answered and is over.</li>}
        {calls?.map((call) => (
          <Past key={call.id} call={call} />
        ))}
      </ul>
      <Report />
    </section>
  );
}

function Past({ call }: { call: PastCall }) {
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(call.rang_at_ms);
  return (
    <li>
      <div class="who">
        <span class="mono">
          {call.caller_id} → {call.callee_id}
        </span>
        <div class="faint">
          {when}, {long(call.talked_ms / 1000)}, {call.reason}
        </div>
      </div>
      <div class="deeds at-end">
        <button
          type="button"
          data-testid="operator-report"
          aria-label={`Report of the call at ${when}`}
          onClick={() =>
            act(async (api) => {
              shown.value = { call: call.id, report: await api.report(call.id) };
            })
          }
        >
          Report
        </button>
      </div>
    </li>
  );
}

function Report() {
  const now = shown.value;
  const ref = useRef<HTMLDialogElement>(null);
  const isOpen = now !== null;
  useEffect(() => {
    if (isOpen) ref.current?.showModal();
  }, [isOpen]);
  if (now === null) return null;
  const close = () => {
    shown.value = null;
  };
  return (
    <dialog ref={ref} class="report-over" aria-labelledby="report-title" onClose={close}>
      <div class="choices">
        <h2 id="report-title">Report of a call</h2>
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
      <ReportView report={now.report} me="" callId={now.call} />
    </dialog>
  );
}
