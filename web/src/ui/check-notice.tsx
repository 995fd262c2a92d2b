import { rowsOf } from "../media/check";
import { check } from "../media/check-run";
import { text } from "../texts";
import { CheckRow } from "./check-dialog";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";

/** What the quiet check found to be bad. Nothing, where nothing is. */
export function CheckNotice() {
  const now = check.value;
  if (now === null || !now.done || openDialog.value === "check") return null;
  const bad = rowsOf(now.findings).filter(({ verdict }) => verdict === "bad");
  if (bad.length === 0) return null;
  return (
    <section class="card check-notice" data-testid="check-notice">
      <h2>{text("check_notice")}</h2>
      <ul class="check-rows" role="status">
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
