import { useEffect, useRef, useState } from "preact/hooks";
import type { AppState, InCall } from "../sdk/core/state";
import { text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { openPanel } from "./open-panel";

const SHOWN_MS = 6000;

/** What somebody has just written, for whoever has the chat closed. A click opens it. The announcer reads it aloud. */
export function MessageNotice({ state, phase }: { state: AppState; phase: InCall }) {
  const { messages, loaded } = phase.chat;
  const last = messages.at(-1);
  const known = useRef<number | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const [shown, setShown] = useState<number | null>(null);
  useEffect(() => {
    if (!loaded) return;
    const number = last?.number ?? 0;
    // What was written before this page came is no news.
    const isNews = known.current !== null && number > known.current;
    known.current = Math.max(number, known.current ?? 0);
    if (isNews) setShown(last?.user.user_id === state.me?.userId ? null : number);
  }, [loaded, last?.number]);
  useEffect(() => {
    if (shown === null) return;
    // Whoever has come to it by keyboard is not thrown back to the page's top.
    const fade = () => button.current !== document.activeElement && setShown(null);
    const timer = setTimeout(fade, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [shown]);
  const message = messages.find(({ number }) => number === shown);
  if (message === undefined || message.deleted || openPanel.value === "chat") return null;
  return (
    <button
      ref={button}
      type="button"
      class="message-notice"
      data-testid="message-notice"
      onBlur={() => setShown(null)}
      onClick={() => {
        openPanel.value = "chat";
      }}
    >
      <Avatar user={message.user} />
      <span class="message-notice-words">
        <b>{nameOf(message.user)}</b>
        <span dir="auto">{message.text || message.file?.name}</span>
        <span class="visually-hidden">{text("chat_open")}</span>
      </span>
    </button>
  );
}
