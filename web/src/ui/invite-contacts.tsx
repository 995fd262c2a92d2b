import { isBlocked } from "../sdk/core/people";
import type { AppState, InCall, Input } from "../sdk/core/state";
import type { Contact } from "../sdk/protocol";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { presenceWords } from "./contacts-card";

interface Props {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

/** Whom the user knows and who is not in the room, to be rung by a click: first who is there. */
export function InviteContacts({ state, phase, send }: Props) {
  const contacts = choices(state, phase);
  if (contacts.length === 0) return null;
  return (
    <ul class="people invite-contacts" aria-label={text("contacts")}>
      {contacts.map(({ user, presence }) => {
        const name = nameOf(user);
        const words = presenceWords(presence);
        return (
          <li key={user.user_id} data-testid="invite-contact" data-user={user.user_id}>
            <span class="contact-face">
              <Avatar user={user} />
              {words !== "" && <span class={`presence is-${presence}`} aria-hidden="true" />}
            </span>
            <span class="people-name">
              <span class={user.name ? "" : "mono"}>{name}</span>
              <small class="faint">{words}</small>
            </span>
            <span class="people-end">
              <button
                type="button"
                class="quiet slim"
                aria-label={text("history_call", { name })}
                onClick={() => send({ kind: "invite", userId: user.user_id })}
              >
                {text("call")}
              </button>
            </span>
          </li>
        );
      })}
    </ul>
  );
}

function choices(state: AppState, { others, invited }: InCall): Contact[] {
  const isThere = ({ user }: Contact) =>
    others.some((other) => other.user.user_id === user.user_id) ||
    invited.some(({ userId }) => userId === user.user_id) ||
    user.user_id === state.me?.userId;
  const contacts = (state.people?.contacts ?? []).filter((one) => !isThere(one) && !isBlocked(state, one.user.user_id));
  const rank = ({ presence }: Contact) => ["online", "away", "in_call", "offline"].indexOf(presence);
  return contacts.sort((one, other) => rank(one) - rank(other));
}
