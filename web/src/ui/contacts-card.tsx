import { useEffect } from "preact/hooks";
import { isBlocked } from "../sdk/core/people";
import { type AppState, type Input, mayCall } from "../sdk/core/state";
import type { Contact, Presence } from "../sdk/protocol";
import { type TextKey, text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { blocking } from "./block-dialog";
import { edited } from "./contact-dialog";
import { Icon } from "./icon";
import { Menu, MenuItem } from "./menu";
import { openDialog } from "./open-dialog";

interface Props {
  state: AppState;
  send: (input: Input) => void;
}

/** Of who is not there, or does not show it, nothing is said. */
const WORDS: Record<Presence, TextKey | null> = {
  online: "presence_online",
  away: "presence_away",
  in_call: "presence_in_call",
  offline: null,
};

export function presenceWords(presence: Presence): string {
  const key = WORDS[presence];
  return key === null ? "" : text(key);
}

/** Whom the user knows: to call them, and to see who is here. */
export function ContactsCard({ state, send }: Props) {
  const { me, people } = state;
  const isKnown = me !== null;
  useEffect(() => {
    if (isKnown) send({ kind: "list_people" });
  }, [isKnown, send]);
  if (people === null) return null;
  const { contacts, blocked } = people;
  return (
    <section class="card recent-card" data-testid="contacts" aria-labelledby="contacts-title">
      <div class="recent-head">
        <h2 id="contacts-title">{text("contacts")}</h2>
        <div class="contacts-end">
          {blocked.length > 0 && (
            <button
              type="button"
              class="plain slim"
              data-testid="show-blocked"
              onClick={() => {
                openDialog.value = "blocked";
              }}
            >
              {text("blocked_count", { count: blocked.length })}
            </button>
          )}
          <button
            type="button"
            class="quiet slim"
            data-testid="new-contact"
            onClick={() => {
              edited.value = null;
              openDialog.value = "contact";
            }}
          >
            <Icon name="userPlus" />
            {text("contact_add")}
          </button>
        </div>
      </div>
      {contacts.length > 0 && (
        <ul class="people recent contacts">
          {contacts.map((contact) => (
            <Row key={contact.user.user_id} contact={contact} state={state} send={send} />
          ))}
        </ul>
      )}
      <p class="faint small">{text(contacts.length === 0 ? "contacts_none" : "contacts_hint")}</p>
    </section>
  );
}

function Row({ contact, state, send }: Props & { contact: Contact }) {
  const { user, presence } = contact;
  const name = nameOf(user);
  const blocked = isBlocked(state, user.user_id);
  const words = blocked ? "" : presenceWords(presence);
  const facts = [blocked ? text("is_blocked") : words];
  if (user.name !== "" || facts[0] === "") facts.push(user.name === "" ? "" : user.user_id);
  const who = (
    <>
      <span class="contact-face">
        <Avatar user={user} />
        {words !== "" && <span class={`presence is-${presence}`} aria-hidden="true" />}
      </span>
      <span class="people-name">
        <span class={user.name ? "" : "mono"}>{name}</span>
        <small class="faint">
          <span>{facts.filter((one) => one !== "").join(" · ")}</span>
        </small>
      </span>
    </>
  );
  return (
    <li data-testid="contact" data-user={user.user_id} data-presence={presence}>
      {mayCall(state) ? (
        <button
          type="button"
          class="plain recent-main"
          data-testid="call-contact"
          title={text("history_call", { name })}
          onClick={() => send({ kind: "call", userId: user.user_id })}
        >
          {who}
          <span class="contact-call" aria-hidden="true">
            <Icon name="phone" />
          </span>
          <span class="visually-hidden">{text("history_call", { name })}</span>
        </button>
      ) : (
        <span class="recent-main">{who}</span>
      )}
      <span class="people-end">
        <Menu testId="contact-more" icon="dots" label={text("more_of", { name })} class="plain icon-only">
          <MenuItem
            testId="rename-contact"
            icon="pencil"
            label={text("contact_rename")}
            onClick={() => {
              edited.value = user;
              openDialog.value = "contact";
            }}
          />
          <BlockItem user={user} isBlocked={blocked} send={send} />
          <MenuItem
            testId="forget-contact"
            icon="trash"
            label={text("contact_remove")}
            onClick={() => send({ kind: "forget_contact", userId: user.user_id })}
          />
        </Menu>
      </span>
    </li>
  );
}

/** An entry of a menu about somebody. */
export function BlockItem({
  user,
  isBlocked,
  send,
}: {
  user: Contact["user"];
  isBlocked: boolean;
  send: Props["send"];
}) {
  if (isBlocked) {
    return (
      <MenuItem
        testId="unblock"
        icon="ban"
        label={text("unblock")}
        onClick={() => send({ kind: "unblock", userId: user.user_id })}
      />
    );
  }
  return (
    <MenuItem
      testId="block"
      icon="ban"
      label={text("block")}
      grave
      onClick={() => {
        blocking.value = user;
        openDialog.value = "block";
      }}
    />
  );
}
