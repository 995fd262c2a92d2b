/** What the server says that changes nothing to be seen for itself, and yet has to be told. Pure; app.ts shows the words. */

import { asKnown } from "./sdk/core/people";
import type { AppState, Ring } from "./sdk/core/state";
import type { Command, Event } from "./sdk/protocol";
import { text } from "./texts";
import { nameOf } from "./ui/avatar";
import { sentenceOf } from "./ui/ended-sentence";

/** `before`: the state before the event. `answers`: the type of the command that the event answers. */
export function noticeOf(before: AppState, event: Event, answers: Command["type"] | null): string | null {
  const { phase } = before;
  if (event.type === "contact_changed" && answers === "keep_contact") {
    return text("contact_kept", { name: nameOf(event.contact.user) });
  }
  if (event.type === "blocked" && answers === "block") return text("blocked_now", { name: nameOf(event.user) });
  if (event.type === "unblocked" && answers === "unblock") {
    const user = before.people?.blocked.find(({ user_id }) => user_id === event.user_id);
    return text("unblocked_now", { name: nameOf(user ?? { user_id: event.user_id, name: "" }) });
  }
  if (phase.kind === "joining") return missedAtTheDoor(phase.rings, event);
  if (phase.kind !== "in_call") return null;
  switch (event.type) {
    case "muted": {
      if (event.room_id !== phase.roomId) return null;
      const host = phase.others.find((one) => one.participant_id === event.by);
      const name = nameOf(host?.user);
      if (event.source === "camera") return text("camera_off_by", { name });
      return text(event.source === "microphone" ? "muted_by" : "screen_stopped_by", { name });
    }
    // It rang nowhere: who is in a call is busy.
    case "history_changed": {
      const { row } = event;
      if (!row.missed || row.seen || row.reason !== "busy") return null;
      return text("called_meanwhile", { name: nameOf(asKnown(before, row.user)) });
    }
    case "call_ended": {
      if (event.call_id === phase.callId) return null;
      // Of somebody who cannot be reached the call ends before its id was heard.
      const first = answers === "invite";
      const invited = phase.invited.find((one) => one.callId === event.call_id || (first && one.callId === null));
      if (invited === undefined || event.reason === "cancelled") return null;
      const name = nameOf(invited.user ?? { user_id: invited.userId, name: "" });
      return text(sentenceOf({ reason: event.reason, direction: "outgoing", byMe: false }), { name });
    }
    default:
      return null;
  }
}

/** It rang at the door of a room, and stopped without us. */
function missedAtTheDoor(rings: Ring | null, event: Event): string | null {
  if (rings === null || !("call_id" in event) || event.call_id !== rings.callId) return null;
  const name = nameOf(rings.user);
  if (event.type === "answered_elsewhere") return text("ended_answered_elsewhere", { name });
  return event.type === "call_ended" ? text("ended_missed", { name }) : null;
}
