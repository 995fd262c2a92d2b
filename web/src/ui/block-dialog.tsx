import { signal } from "@preact/signals";
import type { AppState, Input } from "../sdk/core/state";
import type { UserInfo } from "../sdk/protocol";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { ConfirmDialog } from "./confirm-dialog";
import { Dialog } from "./dialog";

interface Props {
  send: (input: Input) => void;
}

/** Who is about to be blocked. */
export const blocking = signal<UserInfo | null>(null);

/** Nothing tells either of the two later why calls do not come. */
export function BlockDialog({ send }: Props) {
  const user = blocking.value;
  if (user === null) return null;
  return (
    <ConfirmDialog
      id="block-dialog"
      title={text("block_ask", { name: nameOf(user) })}
      hint={text("block_hint")}
      icon="ban"
      label={text("block")}
      testIds={{ keep: "keep-unblocked", confirm: "confirm-block" }}
      onConfirm={() => send({ kind: "block", userId: user.user_id, name: user.name })}
    />
  );
}

/** Who is blocked, and the way back. */
export function BlockedDialog({ state, send }: Props & { state: AppState }) {
  const blocked = state.people?.blocked ?? [];
  return (
    <Dialog id="blocked-dialog" title={text("blocked")}>
      {blocked.length === 0 ? (
        <p class="faint">{text("blocked_none")}</p>
      ) : (
        <ul class="people">
          {blocked.map((user) => (
            <li key={user.user_id} data-testid="blocked-user">
              <Avatar user={user} />
              <span class="people-name">
                <span class={user.name ? "" : "mono"}>{nameOf(user)}</span>
                {user.name && <small class="faint mono">{user.user_id}</small>}
              </span>
              <button
                type="button"
                class="quiet"
                data-testid="unblock"
                aria-label={text("unblock_name", { name: nameOf(user) })}
                onClick={() => send({ kind: "unblock", userId: user.user_id })}
              >
                {text("unblock")}
              </button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
