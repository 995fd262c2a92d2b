import { useEffect, useRef } from "preact/hooks";
import type { AppState, InCall, Input } from "../sdk/core/state";
import { text } from "../texts";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { InviteContacts } from "./invite-contacts";
import { InvitedList } from "./invited-list";
import { LinkForm } from "./link-form";
import { openDialog } from "./open-dialog";
import { Problems } from "./problems";
import { RoomLink } from "./room-link";
import { UserIdForm } from "./user-id-form";

interface Props {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

/** Somebody more for the call: rung, or by a link. */
export function AddDialog({ state, phase, send }: Props) {
  const linkId = phase.room.link_id ?? null;
  const isMine = state.links?.some((link) => link.link_id === linkId) ?? false;
  useEffect(() => {
    send({ kind: "list_links" });
    send({ kind: "list_people" });
  }, []);
  useCloseWhenAnswered(phase);
  return (
    <Dialog id="add-dialog" title={text("add_person")} focus="#invite-input">
      <Problems state={{ ...state, devices: { ...state.devices, problems: [] } }} send={send} />
      <section class="dialog-section">
        <UserIdForm
          inputId="invite-input"
          buttonId="invite"
          label={text("call_input")}
          action={text("call")}
          onUserId={(userId) => send({ kind: "invite", userId })}
        />
        <InvitedList invited={phase.invited} send={send} />
        <InviteContacts state={state} phase={phase} send={send} />
      </section>
      <section class="dialog-section">
        <h3>{text("invite_by_link")}</h3>
        {linkId === null ? (
          <LinkForm disabled={false} onCreate={(wish) => send({ kind: "create_link", wish, here: true })} />
        ) : (
          <RoomLink linkId={linkId}>
            {isMine && (
              <button
                type="button"
                class="quiet"
                data-testid="revoke"
                onClick={() => send({ kind: "revoke_link", linkId })}
              >
                <Icon name="trash" />
                {text("revoke")}
              </button>
            )}
          </RoomLink>
        )}
        {phase.room.locked && <p class="faint small">{text("room_is_locked_hint")}</p>}
      </section>
    </Dialog>
  );
}

/** Who was rung has come in: what they say is not to be looked for behind a dialog. One who types the next id goes on. */
function useCloseWhenAnswered({ invited, others }: InCall): void {
  const before = useRef({ invited, others });
  useEffect(() => {
    const was = before.current;
    before.current = { invited, others };
    const came = was.invited.some(({ userId }) => others.some(({ user }) => user.user_id === userId));
    const typed = document.querySelector<HTMLInputElement>("#invite-input")?.value ?? "";
    if (came && invited.length === 0 && typed === "") openDialog.value = null;
  }, [invited, others]);
}
