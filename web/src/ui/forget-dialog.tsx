import type { Input } from "../sdk/core/state";
import { text } from "../texts";
import { ConfirmDialog } from "./confirm-dialog";

/** A whole list does not come back. */
export function ForgetDialog({ send }: { send: (input: Input) => void }) {
  return (
    <ConfirmDialog
      id="forget-dialog"
      title={text("history_forget_ask")}
      hint={text("history_forget_hint")}
      icon="trash"
      label={text("history_forget_all")}
      testIds={{ keep: "keep-calls", confirm: "confirm-forget" }}
      onConfirm={() => send({ kind: "forget_history" })}
    />
  );
}
