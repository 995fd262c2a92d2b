import { text } from "../texts";
import { Dialog } from "./dialog";
import { Icon, type IconName } from "./icon";
import { openDialog } from "./open-dialog";

interface Props {
  id: string;
  title: string;
  hint: string;
  icon: IconName;
  /** On the button that does it. */
  label: string;
  testIds: { keep: string; confirm: string };
  onConfirm: () => void;
}

/** What does not come back is asked for twice. */
export function ConfirmDialog({ id, title, hint, icon, label, testIds, onConfirm }: Props) {
  const close = () => {
    openDialog.value = null;
  };
  return (
    <Dialog id={id} title={title}>
      <p>{hint}</p>
      <div class="row">
        <button type="button" class="quiet" data-testid={testIds.keep} onClick={close}>
          {text("cancel")}
        </button>
        <button
          type="button"
          class="stop"
          data-testid={testIds.confirm}
          onClick={() => {
            close();
            onConfirm();
          }}
        >
          <Icon name={icon} />
          {label}
        </button>
      </div>
    </Dialog>
  );
}
