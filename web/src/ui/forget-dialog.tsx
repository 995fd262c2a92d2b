import type { Input } from "../state";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";

/** A whole list does not come back, so it is asked for twice. */
export function ForgetDialog({ send }: { send: (input: Input) => void }) {
  const close = () => {
    openDialog.value = null;
  };
  return (
    <Dialog id="forget-dialog" title={text("history_forget_ask")}>
      <p>{text("history_forget_hint")}</p>
      <div class="row">
        <button type="button" class="quiet" data-testid="keep-calls" onClick={close}>
          {text("cancel")}
        </button>
        <button
          type="button"
          class="stop"
          data-testid="confirm-forget"
          onClick={() => {
            close();
            send({ kind: "forget_history" });
          }}
        >
          <Icon name="trash" />
          {text("history_forget_all")}
        </button>
      </div>
    </Dialog>
  );
}
