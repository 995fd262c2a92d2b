import { describe, expect, it } from "vitest";
import type { Command, ErrorCode, Message } from "../protocol";
import { unreadCount } from "./chat";
import { event, WELCOME, welcome } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Chat, type Input, initialState, NO_CHAT } from "./state";

const ME = WELCOME.user_id;
const BERTA = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const room = { room_id: "r", name: "", locked: false, lobby: false };

const answered = event({
  type: "call_answered",
  call_id: "c",
  room_id: "r",
  participant_id: "me",
  participants: [{ participant_id: "p", user: BERTA, sources: [], reconnecting: false, host: false }],
  direct: true,
  polite: false,
  room,
  host: true,
});
const inCall: Input[] = [
  welcome(),
  { kind: "call", userId: BERTA.user_id },
  event({ type: "call_ringing", call_id: "c", room_id: "r", user: BERTA }),
  answered,
];
const written = (number: number, more: Partial<Message> = {}): Message => ({
  number,
  message_id: `theirs ${number}`,
  user: BERTA,
  participant_id: "p",
  at_ms: number,
  text: `text ${number}`,
  edited: false,
  deleted: false,
  ...more,
});
const mine = (number: number, message_id: string) =>
  written(number, { message_id, user: { user_id: ME, name: "Hans" } });
const message = (one: Message, room_id = "r") => event({ type: "message", room_id, message: one });
const page = (messages: Message[], more = false): Input =>
  event({ type: "messages", room_id: "r", messages, more }, "messages");
const say = (messageId: string, text = messageId): Input => ({ kind: "say", messageId, text });
const refused = (code: ErrorCode, about: string) => event({ type: "error", code, message: "" }, "say", about);

function run(...inputs: Input[]): { state: AppState; chat: Chat; sent: Command[]; numbers: number[] } {
  let state = initialState(null, false);
  const sent: Command[] = [];
  for (const input of inputs) {
    const step = reduce(state, input, 0);
    state = step.state;
    for (const effect of step.effects) {
      const isOfChat = effect.kind === "send" && /say|message/.test(effect.command.type);
      if (isOfChat) sent.push(effect.command);
    }
  }
  const chat = state.phase.kind === "in_call" ? state.phase.chat : NO_CHAT;
  return { state, chat, sent, numbers: chat.messages.map(({ number }) => number) };
}

describe("what is written", () => {
  it("is sent at once and shown when it is kept", () => {
    const before = run(...inCall, say("a", "  hello "));
    expect(before.sent).toEqual([{ type: "say", room_id: "r", message_id: "a", text: "hello" }]);
    expect(before.chat.outgoing).toEqual([{ messageId: "a", text: "hello", file: null, problem: null }]);
    const after = run(...inCall, say("a"), message(mine(1, "a")));
    expect([after.chat.outgoing, after.numbers]).toEqual([[], [1]]);
    expect(run(...inCall, say("a", " \n")).sent).toEqual([]);
  });

  it("keeps what was not saved, to send it again under the same id", () => {
    const failed = run(...inCall, say("a"), say("b"), refused("not_saved", "a"));
    expect(failed.chat.outgoing.map(({ problem }) => problem)).toEqual(["not_saved", null]);
    expect(failed.state.refused).toBeNull();
    const again = run(...inCall, say("a"), refused("not_saved", "a"), { kind: "say_again", messageId: "a" });
    expect(again.sent.map((one) => "message_id" in one && one.message_id)).toEqual(["a", "a"]);
    // It was kept after all.
    const late = run(...inCall, say("a"), refused("not_saved", "a"), message(mine(1, "a")));
    expect(late.chat.outgoing).toEqual([]);
    const dropped = run(...inCall, say("a"), refused("not_saved", "a"), { kind: "drop_message", messageId: "a" });
    expect(dropped.chat.outgoing).toEqual([]);
  });

  it("is not taken for what somebody else sent under the same id", () => {
    expect(run(...inCall, say("a"), message(written(1, { message_id: "a" }))).chat.outgoing).toHaveLength(1);
  });

  it("is in the order of the server, each once", () => {
    const { numbers } = run(
      ...inCall,
      message(written(5)),
      page([written(4), written(5)], true),
      message(written(7)),
      message(written(6)),
      message(written(6)),
      message(written(9), "another room"),
      { kind: "older_messages" },
      page([written(2), written(3)]),
    );
    expect(numbers).toEqual([2, 3, 4, 5, 6, 7]);
  });

  it("is read part by part", () => {
    const first = run(...inCall, { kind: "load_chat" }, page([written(4), written(5)], true), {
      kind: "older_messages",
    });
    expect(first.sent).toEqual([
      { type: "messages", room_id: "r", limit: 50 },
      { type: "messages", room_id: "r", before: 4, limit: 50 },
    ]);
    const all = run(...inCall, page([written(4)], true), { kind: "older_messages" }, page([written(3)]), {
      kind: "older_messages",
    });
    expect([all.chat.more, all.sent.length]).toEqual([false, 1]);
    // The newest are asked for again after a restart, which says nothing of the oldest.
    expect(run(...inCall, page([written(3), written(4)]), page([written(4)], true)).chat.more).toBe(false);
  });

  it("is edited and taken away by the server's word", () => {
    const { chat, sent } = run(
      ...inCall,
      message(written(1)),
      { kind: "edit_message", number: 1, text: " new " },
      { kind: "delete_message", number: 1 },
      event({ type: "message_changed", room_id: "r", message: written(1, { text: "", deleted: true }) }),
    );
    expect(sent).toEqual([
      { type: "edit_message", room_id: "r", number: 1, text: "new" },
      { type: "delete_message", room_id: "r", number: 1 },
    ]);
    expect(chat.messages[0]).toMatchObject({ deleted: true, text: "" });
  });

  it("is unread until it was shown", () => {
    const some = [
      page([written(1)]),
      message(written(2)),
      message(mine(3, "x")),
      message(written(4, { deleted: true })),
    ];
    expect(unreadCount(run(...inCall, ...some).chat, ME)).toBe(2);
    const seen = run(...inCall, ...some, { kind: "see_chat" }, message(written(5)));
    expect(unreadCount(seen.chat, ME)).toBe(1);
  });

  it("was seen before a reload", () => {
    const call = {
      state: "answered",
      call_id: "c",
      room_id: "r",
      user: BERTA,
      elapsed_ms: 1,
      attempt: 1,
      generation: 1,
      outgoing: true,
      participant_id: "me",
      participants: [],
      direct: false,
      polite: false,
      room,
      host: true,
      invitations: [],
    } as const;
    const back = welcome({ resumed: true, call: { ...call, participants: [], invitations: [] } });
    const { chat } = run(back, page([written(1), written(2)]), message(written(3)));
    expect([chat.seen, unreadCount(chat, ME)]).toEqual([2, 1]);
    const restarted = welcome({
      resumed: true,
      boot_id: "two",
      call: { ...call, participants: [], invitations: [] },
    });
    // What the server may not have kept is sent again, and what it kept and could not say is asked for.
    const { sent } = run(...inCall, page([written(1)]), say("a"), say("b"), refused("not_saved", "b"), restarted);
    expect(sent.slice(2)).toEqual([
      { type: "say", room_id: "r", message_id: "a", text: "a" },
      { type: "messages", room_id: "r", limit: 50 },
    ]);
  });

  it("is asked for after the websocket was away, until there is no gap", () => {
    const back = welcome({ resumed: true });
    const { sent, numbers } = run(
      ...inCall,
      page([written(1), written(2)]),
      say("a"),
      back,
      message(written(9)),
      page([written(7), written(8), written(9)], true),
      page([written(5), written(6)], true),
      page([written(2), written(3), written(4)], true),
    );
    expect(sent.slice(1)).toEqual([
      { type: "say", room_id: "r", message_id: "a", text: "a" },
      { type: "messages", room_id: "r", limit: 50 },
      { type: "messages", room_id: "r", before: 7, limit: 50 },
      { type: "messages", room_id: "r", before: 5, limit: 50 },
    ]);
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("has no place to be kept once the server is lost", () => {
    const { chat, sent } = run(
      ...inCall,
      { kind: "path_shown", path: "direct", reason: "first_media" },
      say("a"),
      { kind: "session_lost" },
      say("b"),
      { kind: "say_again", messageId: "a" },
    );
    expect(chat.outgoing.map(({ problem }) => problem)).toEqual(["not_saved", "not_saved"]);
    expect(sent).toHaveLength(1);
  });

  it("is found again from the call that is over", () => {
    const past = (messages: Message[], more: boolean, call_id = "c") =>
      event({ type: "messages", call_id, messages, more }, "call_messages");
    const { state, sent } = run(
      welcome(),
      { kind: "open_past_chat", callId: "c" },
      past([written(2)], true),
      past([written(9)], true, "another"),
      { kind: "older_past_messages" },
      past([written(1)], false),
      { kind: "older_past_messages" },
    );
    expect(sent).toEqual([
      { type: "call_messages", call_id: "c", limit: 50 },
      { type: "call_messages", call_id: "c", before: 2, limit: 50 },
    ]);
    expect(state.pastChat?.messages.map(({ number }) => number)).toEqual([1, 2]);
    expect(reduce(state, { kind: "close_past_chat" }, 0).state.pastChat).toBeNull();
  });
});
