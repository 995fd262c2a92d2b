import { describe, expect, it } from "vitest";
import type { Event } from "../protocol";
import { event, WELCOME, welcome } from "./fixtures";
import { reduce } from "./reduce";
import { type AppState, type Effect, type Input, initialState } from "./state";

const BERTA = { user_id: "b3rt-a8xn-4m2q", name: "Berta" };
const inCall: Input[] = [
  welcome({ file_bytes_max: 100 }),
  { kind: "call", userId: BERTA.user_id },
  event({ type: "call_ringing", call_id: "c", room_id: "r", user: BERTA }),
  event({
    type: "call_answered",
    call_id: "c",
    room_id: "r",
    participant_id: "me",
    participants: [{ participant_id: "p", user: BERTA, sources: [], reconnecting: false, host: false }],
    direct: true,
    polite: false,
    room: { room_id: "r", name: "", locked: false, lobby: false },
    host: true,
  }),
];
const file = (messageId: string, bytes = 9): Input => ({ kind: "say_file", messageId, text: "", name: "a.png", bytes });
const begun = (message_id: string) =>
  event({ type: "file_begun", message_id, file_id: `file ${message_id}`, ticket: `ticket ${message_id}` }, "send_file");
const sent = (messageId: string, problem: null | "not_saved" = null): Input => ({
  kind: "file_sent",
  messageId,
  problem,
});
const message = (message_id: string): Input => {
  const told: Extract<Event, { type: "message" }>["message"] = {
    number: 1,
    message_id,
    user: { user_id: WELCOME.user_id, name: "Hans" },
    participant_id: "me",
    at_ms: 1,
    text: "",
    edited: false,
    deleted: false,
  };
  return event({ type: "message", room_id: "r", message: told }, "say", message_id);
};

/** What is on its way in the end, and what came of the inputs after the call was answered. */
function run(...inputs: Input[]) {
  let state: AppState = initialState(null, false);
  const effects: string[] = [];
  [...inCall, ...inputs].forEach((input, place) => {
    const step = reduce(state, input, 0);
    state = step.state;
    if (place >= inCall.length) effects.push(...step.effects.map(brief));
  });
  const outgoing = state.phase.kind === "in_call" ? state.phase.chat.outgoing : [];
  return {
    effects,
    outgoing: outgoing.map(({ messageId, file, problem }) => `${messageId} ${file?.stage} ${problem}`),
  };
}

function brief(effect: Effect): string {
  if (effect.kind === "send_file") return `send ${effect.messageId} ${effect.ticket}`;
  if (effect.kind === "drop_file") return `drop ${effect.messageId}`;
  if (effect.kind !== "send") return effect.kind;
  const { command } = effect;
  if (command.type === "send_file") return `begin ${command.message_id} ${command.name} ${command.bytes}`;
  return command.type === "say" ? `say ${command.message_id} ${command.file_id}` : command.type;
}

describe("files in a chat", () => {
  it("go one after the other, and each is said when the server has it", () => {
    const { effects, outgoing } = run(file("1"), file("2"), begun("1"), sent("1"), message("1"), begun("2"));
    expect(effects).toEqual([
      "begin 1 a.png 9",
      "send 1 ticket 1",
      "say 1 file 1",
      "begin 2 a.png 9",
      "drop 1",
      "send 2 ticket 2",
    ]);
    expect(outgoing).toEqual(["2 sending null"]);
  });

  it("that cannot go are said so without asking the server", () => {
    const { effects, outgoing } = run(file("1", 101), file("2", 0), file("3", 100));
    expect(outgoing).toEqual(["1 waits too_large", "2 waits bad_command", "3 asking null"]);
    expect(effects).toEqual(["begin 3 a.png 100"]);
  });

  it("that the server refuses leave the way to the next, and go again when the user wants", () => {
    const refused = event({ type: "error", code: "no_space", message: "" }, "send_file", "1");
    const { effects, outgoing } = run(file("1"), file("2"), refused, { kind: "say_again", messageId: "1" });
    expect(outgoing).toEqual(["1 waits null", "2 asking null"]);
    expect(effects).toEqual(["begin 1 a.png 9", "begin 2 a.png 9"]);
  });

  it("whose bytes break off begin anew", () => {
    const { effects, outgoing } = run(file("1"), begun("1"), sent("1", "not_saved"), {
      kind: "say_again",
      messageId: "1",
    });
    expect(outgoing).toEqual(["1 asking null"]);
    expect(effects).toEqual(["begin 1 a.png 9", "send 1 ticket 1", "begin 1 a.png 9"]);
  });

  it("that are taken back are not sent, also where there is place for them just then", () => {
    const { effects, outgoing } = run(file("1"), file("2"), { kind: "drop_message", messageId: "1" }, begun("1"));
    expect(outgoing).toEqual(["2 asking null"]);
    expect(effects).toEqual(["begin 1 a.png 9", "drop 1", "begin 2 a.png 9"]);
  });

  it("are said again after a gap once they are whole, and a file that is gone is sent anew", () => {
    const gone = event({ type: "error", code: "not_allowed", message: "" }, "say", "1");
    const again = [file("1"), begun("1"), sent("1"), welcome({ resumed: true })];
    expect(run(...again).effects.filter((one) => one.startsWith("say"))).toEqual(["say 1 file 1", "say 1 file 1"]);
    expect(run(...again, gone).outgoing).toEqual(["1 waits not_allowed"]);
  });
});
