/** What a change of the state means in words, for those who do not see it. Pure; ui/announcer.tsx says it. */

import type { AppState, InCall, Phase } from "./sdk/core/state";
import type { Message, Participant } from "./sdk/protocol";
import { text } from "./texts";
import { nameOf } from "./ui/avatar";
import { sentenceOf } from "./ui/ended-sentence";
import { pathFacts, pathSentence } from "./ui/path-sentence";

export function announcement(before: AppState, after: AppState): string | null {
  if (before.phase === after.phase) return null;
  const is = after.phase;
  const was = before.phase;
  if (is.kind === "in_call" && was.kind === "in_call") return inCall(was, is);
  if (is.kind === was.kind && !(is.kind === "calling" && was.kind === "calling" && was.callId !== is.callId))
    return null;
  return phase(is);
}

function phase(is: Phase): string | null {
  switch (is.kind) {
    case "home":
      return null;
    case "calling":
      return text(is.callId === null ? "calling" : "ringing", {
        name: nameOf(is.user ?? { user_id: is.userId, name: "" }),
      });
    case "incoming":
      return text("incoming", { name: nameOf(is.user) });
    case "in_call":
      return text("in_call", { name: nameOf(is.user) });
    case "joining":
    case "lobby":
      return null;
    case "ended":
      return text(sentenceOf(is), { name: nameOf(is.user) });
  }
}

/** One thing at a time, the gravest first: two would cut each other short. */
function inCall(was: InCall, is: InCall): string | null {
  if (is.serverLost && !was.serverLost) return text("server_lost");
  return room(was, is) ?? (is.others.length === 1 && was.others.length === 1 ? pair(was, is) : null);
}

/** Who comes and goes, and who asks for something. */
function room(was: InCall, is: InCall): string | null {
  const isNew = <T extends { participant_id: string }>(one: T, before: T[]) =>
    !before.some((other) => other.participant_id === one.participant_id);
  const waits = is.waiting.find((one) => isNew(one, was.waiting));
  if (waits) return text("said_waits", { name: nameOf(waits.user) });
  const last = is.chat.messages.at(-1);
  const heard = was.chat.messages.at(-1)?.number ?? 0;
  // What was written before is read on demand, and what one writes oneself one knows.
  if (was.chat.loaded && last && last.number > heard && !last.deleted && is.others.some((one) => isOf(one, last))) {
    return text("said_message", { name: nameOf(last.user), text: shortened(last.text || (last.file?.name ?? "")) });
  }
  const came = is.others.find((one) => isNew(one, was.others));
  if (came) return text("said_joined", { name: nameOf(came.user) });
  const gone = was.others.find((one) => isNew(one, is.others));
  if (gone) return text("said_left", { name: nameOf(gone.user) });
  if (is.me.host && !was.me.host) return text("said_host");
  if (is.room.locked !== was.room.locked) return text(is.room.locked ? "said_locked" : "said_unlocked");
  for (const one of is.others) {
    const before = was.others.find((other) => other.participant_id === one.participant_id);
    if (before === undefined) continue;
    const name = nameOf(one.user);
    if (one.hand !== undefined && before.hand === undefined) return text("said_hand", { name });
    if (one.sources.includes("screen") && !before.sources.includes("screen")) return text("said_screen", { name });
  }
  return null;
}

function isOf({ user }: Participant, message: Message): boolean {
  return user.user_id === message.user.user_id;
}

/** Enough to know whether to look. */
const SAID_CHARS_MAX = 140;

function shortened(words: string): string {
  const chars = [...words];
  return chars.length > SAID_CHARS_MAX ? `${chars.slice(0, SAID_CHARS_MAX).join("")}…` : words;
}

/** The one other, of whom more is worth saying than of one among many. */
function pair(was: InCall, is: InCall): string | null {
  const name = nameOf(is.user);
  const reconnecting = is.others[0]?.reconnecting ?? false;
  if (reconnecting !== (was.others[0]?.reconnecting ?? false)) {
    return text(reconnecting ? "reconnecting" : "reconnected", { name });
  }
  if (is.path !== was.path && is.path !== null) {
    // Without the round trip, which nobody wants read aloud, and without the banner's matter.
    return pathSentence(pathFacts({ ...is, path: is.path, roundTripMs: null }, "up"), is.user);
  }
  // Before the first media nobody can tell what is on.
  if (was.path === null || was.others[0] === undefined) return null;
  for (const source of ["microphone", "camera"] as const) {
    const on = is.others[0]?.sources.includes(source) ?? false;
    if (on !== was.others[0].sources.includes(source)) return text(`other_${source}_${on ? "on" : "off"}`, { name });
  }
  return null;
}
