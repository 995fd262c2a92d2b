import { type Row, rowsOf } from "../media/check";
import { check } from "../media/check-run";
import { text } from "../texts";
import { CheckRow } from "./check-dialog";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";

/** What the quiet check found to be bad. Nothing, where nothing is; the region is always there, so that what comes is read. */
export function CheckNotice() {
  const now = check.value;
  const isShown = now?.done === true && openDialog.value !== "check";
  const bad = isShown ? rowsOf(now.findings).filter(({ verdict }) => verdict === "bad") : [];
  return (
    <div role="status" class="check-region">
      {bad.length > 0 && <Notice bad={bad} />}
    </div>
  );
}

function Notice({ bad }: { bad: Row[] }) {
  return (
    <section class="card check-notice" data-testid="check-notice">
      <h2>{text("check_notice")}</h2>
      <ul class="check-rows">
        {bad.map((row) => (
          <CheckRow key={row.id} row={row} />
        ))}
      </ul>
      <div class="row">
        <button
          type="button"
          class="quiet"
          onClick={() => {
            openDialog.value = "check";
          }}
        >
          {text("check_details")}
        </button>
        <button
          type="button"
          class="quiet icon-only"
          aria-label={text("dismiss")}
          onClick={() => {
            check.value = null;
          }}
        >
          <Icon name="close" />
        </button>
      </div>
    </section>
  );
}
