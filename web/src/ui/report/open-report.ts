import type { Input } from "../../sdk/core/state";
import { openDialog } from "../open-dialog";

export function openReport(send: (input: Input) => void, callId: string): void {
  send({ kind: "open_report", callId });
  openDialog.value = "report";
}
