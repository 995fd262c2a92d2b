/** The part of the state machine that knows whom the user knows, whom they have blocked, and what they chose for all devices. */

import { assertNever } from "../assert";
import type { Command, Contact, ErrorCode, Event, Settings, UserInfo } from "../protocol";
import type { AppState, Effect, Input, Step } from "./state";
import { askAgain, only, send } from "./steps";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

export type PeopleEvent = Of<
  "people" | "contact_changed" | "contact_forgotten" | "blocked" | "unblocked" | "settings_changed" | "presence_changed"
>;

type PeopleInput = Extract<
  Input,
  {
    kind:
      | "list_people"
      | "keep_contact"
      | "forget_contact"
      | "block"
      | "unblock"
      | "set_contacts_only"
      | "set_always_through_server"
      | "set_away";
  }
>;

export function peopleInput(state: AppState, input: PeopleInput): Step {
  switch (input.kind) {
    case "list_people":
      return { state: { ...state, asked: { ...state.asked, people: true } }, effects: [send({ type: "people" })] };
    case "keep_contact":
      return { state, effects: [send({ type: "keep_contact", user_id: input.userId, name: input.name.trim() })] };
    case "forget_contact":
      return { state, effects: [send({ type: "forget_contact", user_id: input.userId })] };
    case "block":
      return { state, effects: [send({ type: "block", user_id: input.userId, name: input.name })] };
    case "unblock":
      return { state, effects: [send({ type: "unblock", user_id: input.userId })] };
    case "set_contacts_only":
      return set(state, { callers: input.on ? "contacts" : "anyone" });
    case "set_always_through_server":
      // Not known yet what was chosen on other devices: it is kept here, and goes to the server with the answer.
      if (state.people === null) {
        const keep: Effect = { kind: "save_always_through_server", on: input.on };
        return { state: { ...state, alwaysThroughServer: input.on }, effects: [keep] };
      }
      return set(state, { always_through_server: input.on });
    case "set_away":
      return { state: { ...state, away: input.away }, effects: [send({ type: "set_away", away: input.away })] };
    default:
      return assertNever(input);
  }
}

/** The answer tells what holds. */
function set(state: AppState, changes: Partial<Settings>): Step {
  const { people } = state;
  if (people === null) return only(state);
  return { state, effects: [send({ type: "set", settings: { ...people.settings, ...changes } })] };
}

export function peopleEvent(state: AppState, event: PeopleEvent): Step {
  const { people } = state;
  if (event.type === "people") return learned(state, event);
  if (people === null) return only(state);
  const but = <T>(list: T[], of: (one: T) => string, userId: string) => list.filter((one) => of(one) !== userId);
  const contactId = ({ user }: Contact) => user.user_id;
  const userId = (user: UserInfo) => user.user_id;
  switch (event.type) {
    case "contact_changed": {
      const others = but(people.contacts, contactId, event.contact.user.user_id);
      return only({ ...state, people: { ...people, contacts: [...others, event.contact].sort(byName) } });
    }
    case "contact_forgotten":
      return only({ ...state, people: { ...people, contacts: but(people.contacts, contactId, event.user_id) } });
    case "blocked": {
      const blocked = [...but(people.blocked, userId, event.user.user_id), event.user];
      return only({ ...state, people: { ...people, blocked } });
    }
    case "unblocked":
      return only({ ...state, people: { ...people, blocked: but(people.blocked, userId, event.user_id) } });
    case "settings_changed": {
      const { settings } = event;
      const alwaysThroughServer = settings.always_through_server;
      return only({ ...state, alwaysThroughServer, people: { ...people, settings } });
    }
    case "presence_changed": {
      const now = new Map(event.changes.map(({ user_id, presence }) => [user_id, presence]));
      const contacts = people.contacts.map((one) => ({ ...one, presence: now.get(contactId(one)) ?? one.presence }));
      return only({ ...state, people: { ...people, contacts } });
    }
    default:
      return assertNever(event);
  }
}

function learned(state: AppState, event: Of<"people">): Step {
  const { blocked, settings } = event;
  const people = { contacts: [...event.contacts].sort(byName), blocked, settings };
  // Chosen on this device before the server kept such things, or before it had answered.
  const isWishedHere = state.people === null && state.alwaysThroughServer && !settings.always_through_server;
  if (!isWishedHere) {
    return only({ ...state, people, alwaysThroughServer: settings.always_through_server });
  }
  const step = set({ ...state, people }, { always_through_server: true });
  return { ...step, effects: [...step.effects, { kind: "save_always_through_server", on: false }] };
}

/** What was told while this page was away it has missed; and a new session is one that is looked at. */
export function peopleAfterGap({ asked, away }: AppState, isNew: boolean): Effect[] {
  const ask: Effect[] = !asked.people ? [] : [send({ type: "people" })];
  return isNew && away ? [...ask, send({ type: "set_away", away })] : ask;
}

/** What could not be kept is not the case; what could not be read may be later. */
export function peopleRefused({ people }: AppState, code: ErrorCode, answers: Command["type"]): Effect[] {
  if (people === null) return answers === "people" && code === "not_loaded" ? [askAgain("list_people")] : [];
  return answers === "set" ? [send({ type: "people" })] : [];
}

export function isContact({ people }: AppState, userId: string): boolean {
  return people?.contacts.some(({ user }) => user.user_id === userId) ?? false;
}

export function isBlocked({ people }: AppState, userId: string): boolean {
  return people?.blocked.some(({ user_id }) => user_id === userId) ?? false;
}

/** By the name that the user gave to a contact; anybody else's is their own. */
export function asKnown({ people }: AppState, user: UserInfo): UserInfo {
  const contact = people?.contacts.find((one) => one.user.user_id === user.user_id);
  return contact?.user.name ? contact.user : user;
}

function byName(one: Contact, other: Contact): number {
  const nameOf = ({ user }: Contact) => user.name || user.user_id;
  return nameOf(one).localeCompare(nameOf(other));
}
