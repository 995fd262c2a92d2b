/** Everybody in the room, oneself included, as the views show them. */

import type { AppState, InCall } from "../sdk/core/state";
import type { Participant, Reaction, UserInfo } from "../sdk/protocol";
import { text } from "../texts";
import { nameOf } from "./avatar";

export interface Person {
  participantId: string;
  user: UserInfo;
  /** "You" for oneself. */
  name: string;
  isMe: boolean;
  microphone: boolean;
  camera: boolean;
  host: boolean;
  /** The place among the raised hands, from 1; null: it is down. */
  hand: number | null;
  reconnecting: boolean;
  speaking: boolean;
  reactions: { id: number; reaction: Reaction }[];
}

export function peopleOf(state: AppState, phase: InCall): Person[] {
  const people = [meOf(state, phase), ...phase.others.map((other) => personOf(other, phase))];
  // The server's numbers are an order: one that went down leaves a gap.
  const order = people.flatMap(({ hand }) => hand ?? []).sort((one, other) => one - other);
  return people.map((person) => ({ ...person, hand: person.hand && order.indexOf(person.hand) + 1 }));
}

function meOf({ me, devices }: AppState, phase: InCall): Person {
  const { participantId, host, hand } = phase.me;
  return {
    participantId,
    user: { user_id: me?.userId ?? "", name: me?.name ?? "" },
    name: text("you"),
    isMe: true,
    microphone: devices.microphone === "on",
    camera: devices.camera === "on",
    host,
    hand,
    reconnecting: false,
    ...shown(participantId, phase),
  };
}

function personOf(other: Participant, phase: InCall): Person {
  return {
    participantId: other.participant_id,
    user: other.user,
    name: nameOf(other.user),
    isMe: false,
    microphone: other.sources.includes("microphone"),
    camera: other.sources.includes("camera"),
    host: other.host,
    hand: other.hand ?? null,
    reconnecting: other.reconnecting,
    ...shown(other.participant_id, phase),
  };
}

function shown(participantId: string, { speakers, reactions }: InCall): Pick<Person, "speaking" | "reactions"> {
  return {
    speaking: speakers.includes(participantId),
    reactions: reactions.filter((one) => one.participantId === participantId),
  };
}
