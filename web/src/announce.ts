/** What a change of the state means in words, for those who do not see it. Pure; ui/announcer.tsx says it. */

import type { AppState, InCall, Phase } from "./state";
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
  const name = nameOf(is.user);
  if (is.serverLost && !was.serverLost) return text("server_lost");
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
