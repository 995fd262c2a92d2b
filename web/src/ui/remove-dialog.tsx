import { signal } from "@preact/signals";
import type { Input } from "../sdk/core/state";
import { text } from "../texts";
import { ConfirmDialog } from "./confirm-dialog";

/** Whom a host is about to take out of the room. */
export const removing = signal<{ participantId: string; name: string } | null>(null);

/** They cannot come back by themselves, and the entry of the menu lies beside harmless ones. */
export function RemoveDialog({ send }: { send: (input: Input) => void }) {
  const person = removing.value;
  if (person === null) return null;
  const { participantId, name } = person;
  return (
    <ConfirmDialog
      id="remove-dialog"
      title={text("remove_ask", { name })}
      hint={text("remove_hint")}
      icon="userMinus"
      label={text("remove")}
      testIds={{ keep: "keep-other", confirm: "confirm-remove" }}
      onConfirm={() => send({ kind: "remove_other", participantId })}
    />
  );
}
