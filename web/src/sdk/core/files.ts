/** The part of the state machine that knows files on their way into a chat: one at a time, each then part of its message. */

import { assertNever } from "../assert";
import type { Event } from "../protocol";
import { saying } from "./chat";
import type { AppState, Effect, InCall, Input, Outgoing, OutgoingFile, Step } from "./state";
import { only, send } from "./steps";

type FileInput = Extract<Input, { kind: "say_file" | "file_progress" | "file_sent" }>;

export function fileInput(state: AppState, phase: InCall, input: FileInput): Step {
  const { outgoing } = phase.chat;
  switch (input.kind) {
    case "say_file": {
      const { messageId, text, name, bytes } = input;
      const file: OutgoingFile = { name, bytes, sent: 0, fileId: null, stage: "waits" };
      const problem = problemOf(state, phase, bytes);
      return withNextFile(state, phase, [...outgoing, { messageId, text: text.trim(), file, problem }]);
    }
    case "file_progress":
      return only(withOutgoing(state, phase, changed(outgoing, input.messageId, { sent: input.sent })));
    case "file_sent": {
      const { messageId, problem } = input;
      const one = outgoing.find((other) => other.messageId === messageId);
      if (one === undefined || one.file?.stage !== "sending") return only(state);
      // The server may be lost meanwhile.
      if (problem !== null || one.problem !== null) {
        const back = changed(outgoing, messageId, { stage: "waits", sent: 0, fileId: null });
        return withNextFile(
          state,
          phase,
          back.map((other) => (other.messageId === messageId ? { ...other, problem: one.problem ?? problem } : other)),
        );
      }
      const whole = changed(outgoing, messageId, { stage: "whole", sent: one.file.bytes });
      return withNextFile(state, phase, whole, [saying(phase.roomId, one)]);
    }
    default:
      return assertNever(input);
  }
}

/** What can be known without the server. */
function problemOf({ fileBytesMax }: AppState, { serverLost }: InCall, bytes: number): Outgoing["problem"] {
  if (serverLost) return "not_saved";
  if (fileBytesMax === null) return "not_allowed";
  if (bytes === 0) return "bad_command";
  return bytes > fileBytesMax ? "too_large" : null;
}

/** There is place for a file: its bytes go. Of one that was taken back meanwhile, nothing does. */
export function fileBegun(state: AppState, event: Extract<Event, { type: "file_begun" }>): Step {
  const { phase } = state;
  if (phase.kind !== "in_call") return only(state);
  const { message_id: messageId, file_id: fileId, ticket } = event;
  const one = phase.chat.outgoing.find((other) => other.messageId === messageId);
  if (one?.file?.stage !== "asking") return only(state);
  return {
    state: withOutgoing(state, phase, changed(phase.chat.outgoing, messageId, { stage: "sending", fileId })),
    effects: [{ kind: "send_file", messageId, ticket }],
  };
}

/** The user wants one to go again that did not come to the server. */
export function fileAgain(state: AppState, phase: InCall, one: Outgoing): Step {
  if (one.file === null) return only(state);
  const problem = problemOf(state, phase, one.file.bytes);
  const outgoing = phase.chat.outgoing.map((other) => (other === one ? { ...one, problem } : other));
  return withNextFile(state, phase, outgoing);
}

/** The same, whatever has happened to those before it. */
export function nextFile(state: AppState): Step {
  return state.phase.kind === "in_call"
    ? withNextFile(state, state.phase, state.phase.chat.outgoing)
    : { state, effects: [] };
}

/** The next file goes, where none is on its way. */
export function withNextFile(state: AppState, phase: InCall, outgoing: Outgoing[], effects: Effect[] = []): Step {
  const isOnItsWay = ({ file, problem }: Outgoing) =>
    problem === null && (file?.stage === "asking" || file?.stage === "sending");
  const next = outgoing.find(({ file, problem }) => problem === null && file?.stage === "waits");
  if (next === undefined || next.file === null || outgoing.some(isOnItsWay)) {
    return { state: withOutgoing(state, phase, outgoing), effects };
  }
  const { messageId: message_id, file } = next;
  const begin = send({ type: "send_file", room_id: phase.roomId, message_id, name: file.name, bytes: file.bytes });
  return {
    state: withOutgoing(state, phase, changed(outgoing, message_id, { stage: "asking" })),
    effects: [...effects, begin],
  };
}

function changed(outgoing: Outgoing[], messageId: string, more: Partial<OutgoingFile>): Outgoing[] {
  return outgoing.map((one) =>
    one.messageId === messageId && one.file !== null ? { ...one, file: { ...one.file, ...more } } : one,
  );
}

function withOutgoing(state: AppState, phase: InCall, outgoing: Outgoing[]): AppState {
  return { ...state, phase: { ...phase, chat: { ...phase.chat, outgoing } } };
}
