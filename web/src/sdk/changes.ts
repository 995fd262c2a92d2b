/** What has changed in a room between two of its states. Pure. */

import type { InCall } from "./core/state";
import type { Message, Participant, Reaction } from "./protocol";

export type RoomChange =
  | { kind: "joined" | "left" | "changed"; participant: Participant }
  | { kind: "message" | "message_changed"; message: Message }
  | { kind: "reaction"; participantId: string; reaction: Reaction }
  | { kind: "speakers" | "me" | "waiting" | "path" | "room" };

export function changesIn(before: InCall, after: InCall): RoomChange[] {
  if (before === after) return [];
  const changes = [...people(before, after), ...written(before, after)];
  const shown = new Set(before.reactions.map(({ id }) => id));
  for (const { id, participantId, reaction } of after.reactions) {
    if (!shown.has(id)) changes.push({ kind: "reaction", participantId, reaction });
  }
  if (before.speakers.join() !== after.speakers.join()) changes.push({ kind: "speakers" });
  if (JSON.stringify(before.me) !== JSON.stringify(after.me)) changes.push({ kind: "me" });
  if (JSON.stringify(before.waiting) !== JSON.stringify(after.waiting)) changes.push({ kind: "waiting" });
  if (before.path !== after.path || before.reason !== after.reason) changes.push({ kind: "path" });
  if (JSON.stringify(before.room) !== JSON.stringify(after.room)) changes.push({ kind: "room" });
  return changes;
}

/** Where all are as before nobody is looked at: who speaks changes many times a second. */
function people(before: InCall, after: InCall): RoomChange[] {
  if (before.others === after.others) return [];
  const changes: RoomChange[] = [];
  const known = new Map(before.others.map((one) => [one.participant_id, one]));
  const here = new Set(after.others.map(({ participant_id }) => participant_id));
  for (const participant of before.others) {
    if (!here.has(participant.participant_id)) changes.push({ kind: "left", participant });
  }
  for (const participant of after.others) {
    const was = known.get(participant.participant_id);
    if (was === undefined) changes.push({ kind: "joined", participant });
    else if (JSON.stringify(was) !== JSON.stringify(participant)) changes.push({ kind: "changed", participant });
  }
  return changes;
}

/** What was loaded of before is no news, nor is an older page. */
function written(before: InCall, after: InCall): RoomChange[] {
  if (before.chat.messages === after.chat.messages) return [];
  const known = new Map(before.chat.messages.map((one) => [one.number, one]));
  const last = before.chat.messages.at(-1)?.number ?? 0;
  const loads = !before.chat.loaded && after.chat.loaded;
  const changes: RoomChange[] = [];
  for (const message of after.chat.messages) {
    const was = known.get(message.number);
    if (was === undefined) {
      if (message.number > last && !loads) changes.push({ kind: "message", message });
    } else if (JSON.stringify(was) !== JSON.stringify(message)) changes.push({ kind: "message_changed", message });
  }
  return changes;
}
