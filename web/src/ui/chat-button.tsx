import { useEffect } from "preact/hooks";
import { unreadCount } from "../sdk/core/chat";
import type { AppState, InCall, Input } from "../sdk/core/state";
import { text } from "../texts";
import { openPanel, togglePanel } from "./open-panel";
import { RoundButton } from "./round-button";

interface Props {
  state: AppState;
  phase: InCall;
  class: string;
  send: (input: Input) => void;
}

/** Opens what is written; counts what was not read. It is there all the time, and so it is what asks for the messages. */
export function ChatButton({ state, phase, class: className, send }: Props) {
  const { chat, roomId } = phase;
  // Once for each room.
  useEffect(() => {
    if (!chat.loaded && !chat.asking) send({ kind: "load_chat" });
  }, [roomId]);
  const unread = unreadCount(chat, state.me?.userId ?? "");
  const isOpen = openPanel.value === "chat";
  return (
    <RoundButton
      testId="chat"
      icon="message"
      label={unread > 0 ? `${text("chat")}. ${text("chat_unread", { count: unread })}` : text("chat")}
      class={`${className} counted ${isOpen ? "is-open" : ""}`}
      hotkey="T"
      expanded={isOpen}
      onClick={() => togglePanel("chat")}
    >
      {unread > 0 && (
        <span class="count calls" data-testid="unread" aria-hidden="true">
          {unread > 99 ? "99+" : unread}
        </span>
      )}
    </RoundButton>
  );
}
