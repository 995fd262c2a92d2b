import { signal } from "@preact/signals";
import type { Input } from "../state";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { openDialog } from "./open-dialog";

/** Whom a host is about to take out of the room. */
export const removing = signal<{ participantId: string; name: string } | null>(null);

/** They cannot come back by themselves, and the entry of the menu lies beside harmless ones: so it is asked for twice. */
export function RemoveDialog({ send }: { send: (input: Input) => void }) {
  const person = removing.value;
  if (person === null) return null;
  const { participantId, name } = person;
  const close = () => {
    openDialog.value = null;
  };
  return (
    <Dialog id="remove-dialog" title={text("remove_ask", { name })}>
      <p>{text("remove_hint")}</p>
      <div class="row">
        <button type="button" class="quiet" data-testid="keep-other" onClick={close}>
          {text("cancel")}
        </button>
        <button
          type="button"
          class="stop"
          data-testid="confirm-remove"
          onClick={() => {
            close();
            send({ kind: "remove_other", participantId });
          }}
        >
          <Icon name="userMinus" />
          {text("remove")}
        </button>
      </div>
    </Dialog>
  );
}
