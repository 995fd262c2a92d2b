import { useEffect } from "preact/hooks";
import type { AppState, Input } from "../sdk/core/state";
import { text } from "../texts";
import { nameOf } from "./avatar";
import { Dialog } from "./dialog";
import { MessageList } from "./message-list";

/** What was written in a call that is over. */
export function PastChatDialog({ state, send }: { state: AppState; send: (input: Input) => void }) {
  const { pastChat, history } = state;
  useEffect(() => () => send({ kind: "close_past_chat" }), [send]);
  if (pastChat === null) return null;
  const { callId, messages, more, asking } = pastChat;
  const user = history?.rows.find(({ call_id }) => call_id === callId)?.user;
  return (
    <Dialog id="past-chat-dialog" title={text("chat_with", { name: nameOf(user) })}>
      <div class="past-chat">
        <MessageList
          place={{ callId }}
          messages={messages}
          me={state.me?.userId ?? ""}
          more={more}
          asking={asking}
          onOlder={() => send({ kind: "older_past_messages" })}
        >
          {messages.length === 0 && <p class="faint">{text(asking ? "chat_loading" : "chat_empty")}</p>}
        </MessageList>
      </div>
    </Dialog>
  );
}
