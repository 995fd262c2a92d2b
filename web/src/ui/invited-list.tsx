import type { Input, Invited } from "../sdk/core/state";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";

/** Whom this page rings into the room now. */
export function InvitedList({ invited, send }: { invited: Invited[]; send: (input: Input) => void }) {
  if (invited.length === 0) return null;
  return (
    <ul class="people">
      {invited.map(({ userId, user, callId }) => {
        const shown = user ?? { user_id: userId, name: "" };
        const name = nameOf(shown);
        return (
          <li key={userId} data-testid="invited" data-user={userId}>
            <Avatar user={shown} pulse />
            <span class="people-name">
              <span>{name}</span>
              <small class="faint" role="status">
                {text(callId === null ? "invite_calling" : "invite_ringing")}
              </small>
            </span>
            <span class="people-end">
              <button
                type="button"
                class="quiet slim"
                data-testid="cancel-invite"
                aria-label={text("cancel_invite", { name })}
                onClick={() => send({ kind: "cancel_invite", userId })}
              >
                {text("cancel")}
              </button>
            </span>
          </li>
        );
      })}
    </ul>
  );
}
