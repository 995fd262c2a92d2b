import { useEffect } from "preact/hooks";
import { overall, type Row, rowsOf, type Verdict } from "../media/check";
import { check } from "../media/check-run";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { Icon, type IconName } from "./icon";
import { DeniedHelp } from "./problems";

const ICONS: Record<Verdict, IconName> = {
  pending: "dots",
  good: "check",
  fair: "alert",
  bad: "close",
  unknown: "minus",
};

/** The click that opens it starts the check, and may ask for camera and microphone. */
export function CheckDialog({ start }: { start: () => void }) {
  useEffect(() => {
    // What the notice on the page told is shown as it is; asking again is a click.
    if (check.value === null) start();
  }, []);
  const now = check.value;
  if (now === null) return null;
  const rows = rowsOf(now.findings);
  const result = overall(rows);
  const verdict = now.done && result !== "pending" ? result : "pending";
  return (
    <Dialog id="check-dialog" title={text("check")}>
      <p class={`check-result check-${verdict}`} role="status" data-testid="check-result" data-verdict={verdict}>
        {text(HEADLINES[verdict])}
      </p>
      <ul class="check-rows">
        {rows.map((row) => (
          <CheckRow key={row.id} row={row} />
        ))}
      </ul>
      <div class="check-foot">
        <p class="faint small">{text("check_hint")}</p>
        <button type="button" class="quiet" data-testid="check-again" disabled={!now.done} onClick={start}>
          {text("check_again")}
        </button>
      </div>
    </Dialog>
  );
}

const HEADLINES = {
  pending: "check_running",
  good: "check_good",
  unknown: "check_good",
  fair: "check_fair",
  bad: "check_bad",
} as const;

export function CheckRow({ row }: { row: Row }) {
  const { id, verdict, value, values, advice } = row;
  return (
    <li data-testid={`check-${id}`} data-verdict={verdict} data-values={JSON.stringify(values)}>
      <span class={`check-mark check-${verdict}`}>
        <Icon name={ICONS[verdict]} />
        <span class="visually-hidden">{text(`check_verdict_${verdict}`)}: </span>
      </span>
      <span class="check-name">{text(`check_${id}`)}</span>
      <span class="check-value">{text(value, values)}</span>
      {advice !== null && (
        <span class="check-advice">
          {text(advice)}
          {advice.endsWith("_denied") && (
            <>
              {" "}
              <DeniedHelp />
            </>
          )}
        </span>
      )}
    </li>
  );
}
