/** The part of the state machine that knows what is written in a call or a room. */

import { assertNever } from "../assert";
import type { Command, ErrorCode, Event, Message } from "../protocol";
import { fileAgain, fileInput, withNextFile } from "./files";
import type { AppState, Chat, Effect, InCall, Input, Outgoing, PastChat, Step } from "./state";
import { only, send } from "./steps";

type Of<T extends Event["type"]> = Extract<Event, { type: T }>;

export type ChatEvent = Of<"message" | "message_changed" | "messages">;

type ChatInput = Extract<
  Input,
  {
    kind:
      | "load_chat"
      | "older_messages"
      | "say"
      | "say_file"
      | "file_progress"
      | "file_sent"
      | "say_again"
      | "drop_message"
      | "edit_message"
      | "delete_message"
      | "see_chat"
      | "open_past_chat"
      | "older_past_messages"
      | "close_past_chat";
  }
>;

/** What a page shows at first, and how much it adds to that. */
const PAGE = 50;

export function chatInput(state: AppState, input: ChatInput): Step {
  const { phase, pastChat } = state;
  switch (input.kind) {
    case "open_past_chat":
      return {
        state: { ...state, pastChat: { callId: input.callId, messages: [], more: false, asking: true } },
        effects: [send({ type: "call_messages", call_id: input.callId, limit: PAGE })],
      };
    case "older_past_messages": {
      const first = pastChat?.messages[0];
      if (pastChat === null || first === undefined || !pastChat.more || pastChat.asking) return only(state);
      return {
        state: { ...state, pastChat: { ...pastChat, asking: true } },
        effects: [send({ type: "call_messages", call_id: pastChat.callId, before: first.number, limit: PAGE })],
      };
    }
    case "close_past_chat":
      return only({ ...state, pastChat: null });
    case "load_chat":
    case "older_messages":
    case "say":
    case "say_file":
    case "file_progress":
    case "file_sent":
    case "say_again":
    case "drop_message":
    case "edit_message":
    case "delete_message":
    case "see_chat":
      return phase.kind === "in_call" ? inRoom(state, phase, input) : only(state);
    default:
      return assertNever(input);
  }
}

type RoomInput = Exclude<ChatInput, { kind: "open_past_chat" | "older_past_messages" | "close_past_chat" }>;

function inRoom(state: AppState, phase: InCall, input: RoomInput): Step {
  const { chat, roomId: room_id } = phase;
  const withChat = (more: Partial<Chat>, effects: Effect[] = []): Step => ({
    state: { ...state, phase: { ...phase, chat: { ...chat, ...more } } },
    effects,
  });
  switch (input.kind) {
    case "load_chat":
      return withChat({ asking: true }, [send({ type: "messages", room_id, limit: PAGE })]);
    case "older_messages": {
      const first = chat.messages[0];
      if (first === undefined || !chat.more || chat.asking) return only(state);
      return withChat({ asking: true }, [send({ type: "messages", room_id, before: first.number, limit: PAGE })]);
    }
    case "say": {
      const text = input.text.trim();
      if (text === "") return only(state);
      const one: Outgoing = { messageId: input.messageId, text, file: null, problem: null };
      if (phase.serverLost) return withChat({ outgoing: [...chat.outgoing, { ...one, problem: "not_saved" }] });
      return withChat({ outgoing: [...chat.outgoing, one] }, [saying(room_id, one)]);
    }
    case "say_file":
    case "file_progress":
    case "file_sent":
      return fileInput(state, phase, input);
    case "say_again": {
      const one = chat.outgoing.find(({ messageId }) => messageId === input.messageId);
      if (one === undefined || one.problem === null || phase.serverLost) return only(state);
      if (one.file !== null && one.file.stage !== "whole") return fileAgain(state, phase, one);
      const again = { ...one, problem: null };
      return withChat({ outgoing: chat.outgoing.map((other) => (other === one ? again : other)) }, [
        saying(room_id, again),
      ]);
    }
    case "drop_message": {
      const { messageId } = input;
      const dropped = chat.outgoing.find((one) => one.messageId === messageId);
      const outgoing = chat.outgoing.filter((one) => one !== dropped);
      if (dropped === undefined || dropped.file === null) return withChat({ outgoing });
      return withNextFile(state, phase, outgoing, [{ kind: "drop_file", messageId }]);
    }
    case "edit_message": {
      const text = input.text.trim();
      if (text === "" || phase.serverLost) return only(state);
      return { state, effects: [send({ type: "edit_message", room_id, number: input.number, text })] };
    }
    case "delete_message":
      return { state, effects: [send({ type: "delete_message", room_id, number: input.number })] };
    case "see_chat": {
      const last = lastNumber(chat);
      return last <= chat.seen ? only(state) : withChat({ seen: last });
    }
    default:
      return assertNever(input);
  }
}

export function saying(room_id: string, { messageId, text, file }: Outgoing): Effect {
  const said = { type: "say", room_id, message_id: messageId, text } as const;
  return send(file === null ? said : { ...said, file_id: file.fileId });
}

export function chatEvent(state: AppState, event: ChatEvent): Step {
  const { phase, pastChat } = state;
  if (event.type === "messages" && event.call_id !== undefined) {
    if (pastChat?.callId !== event.call_id) return only(state);
    const next: PastChat = {
      ...pastChat,
      messages: merged(pastChat.messages, event.messages),
      more: event.more,
      asking: false,
    };
    return only({ ...state, pastChat: next });
  }
  if (phase.kind !== "in_call" || phase.roomId !== event.room_id) return only(state);
  const chat = changed(phase.chat, event, state.me?.userId ?? "");
  const first = event.type === "messages" ? (event.messages[0]?.number ?? 0) : 0;
  // More was written while this page was away than one answer has.
  const known = phase.chat.messages.map(({ number }) => number);
  const isGap = known.some((number) => number < first) && !known.includes(first - 1);
  const kept = phase.chat.outgoing.filter((one) => one.file !== null && !chat.outgoing.includes(one));
  const effects: Effect[] = kept.map(({ messageId }) => ({ kind: "drop_file", messageId }));
  if (isGap) effects.push(send({ type: "messages", room_id: phase.roomId, before: first, limit: PAGE }));
  return { state: { ...state, phase: { ...phase, chat } }, effects };
}

function changed(chat: Chat, event: ChatEvent, me: string): Chat {
  switch (event.type) {
    case "message": {
      const { message } = event;
      const isOurs = ({ messageId }: Outgoing) => messageId === message.message_id && message.user.user_id === me;
      return {
        ...chat,
        messages: merged(chat.messages, [message]),
        outgoing: chat.outgoing.filter((one) => !isOurs(one)),
        // What is written here is seen here.
        seen: chat.outgoing.some(isOurs) && chat.seen === message.number - 1 ? message.number : chat.seen,
      };
    }
    case "message_changed":
      return {
        ...chat,
        messages: chat.messages.map((one) => (one.number === event.message.number ? event.message : one)),
      };
    case "messages": {
      const messages = merged(chat.messages, event.messages);
      // An answer from the top says nothing of what is above the oldest that is here already.
      const oldest = chat.messages[0]?.number ?? Number.POSITIVE_INFINITY;
      const isTop = chat.loaded && (event.messages[0]?.number ?? Number.POSITIVE_INFINITY) >= oldest;
      const next = { ...chat, messages, more: isTop ? chat.more : event.more, asking: false, loaded: true };
      // After a reload, what was there before it was seen.
      return chat.loaded ? next : { ...next, seen: Math.min(chat.seen, lastNumber(next)) };
    }
    default:
      return assertNever(event);
  }
}

/** In the order of their numbers, each once; the later word counts. */
function merged(before: Message[], more: Message[]): Message[] {
  const numbers = new Set(more.map(({ number }) => number));
  const all = [...before.filter(({ number }) => !numbers.has(number)), ...more];
  return all.sort((one, other) => one.number - other.number);
}

function lastNumber({ messages }: Chat): number {
  return messages.at(-1)?.number ?? 0;
}

/** `about`: the id of the message that was not taken. null: the command was about something else. */
export function chatRefused(
  state: AppState,
  code: ErrorCode,
  answers: Command["type"],
  about: string | null,
): AppState | null {
  const { phase } = state;
  switch (answers) {
    case "call_messages":
      return state.pastChat === null
        ? state
        : { ...state, refused: code, pastChat: { ...state.pastChat, asking: false } };
    case "messages":
      return phase.kind === "in_call"
        ? { ...state, phase: { ...phase, chat: { ...phase.chat, asking: false } } }
        : state;
    case "edit_message":
    case "delete_message":
      return { ...state, refused: code };
    case "say":
    case "send_file": {
      if (phase.kind !== "in_call") return state;
      const outgoing = phase.chat.outgoing.map((one) => (one.messageId === about ? notTaken(one, code) : one));
      return { ...state, phase: { ...phase, chat: { ...phase.chat, outgoing } } };
    }
    default:
      return null;
  }
}

/** A file that the server does not have any more has to go there again. */
function notTaken(one: Outgoing, code: ErrorCode): Outgoing {
  const goesAgain = one.file !== null && (one.file.stage !== "whole" || code === "not_allowed");
  const file =
    goesAgain && one.file !== null ? { ...one.file, stage: "waits" as const, sent: 0, fileId: null } : one.file;
  return { ...one, file, problem: code };
}

/** After the websocket was away: what the server may not have kept goes to it again, and what this page has not heard is asked for. */
export function chatAfterGap({ chat, roomId }: InCall): Effect[] {
  const isReady = ({ problem, file }: Outgoing) => problem === null && (file === null || file.stage === "whole");
  const again = chat.outgoing.filter(isReady).map((one) => saying(roomId, one));
  return chat.loaded ? [...again, send({ type: "messages", room_id: roomId, limit: PAGE })] : again;
}

/** What others wrote and this page has not shown. */
export function unreadCount({ messages, seen }: Chat, me: string): number {
  return messages.filter(({ number, user, deleted }) => number > seen && user.user_id !== me && !deleted).length;
}
