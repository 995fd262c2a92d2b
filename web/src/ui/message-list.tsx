import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Place } from "../files";
import type { Message } from "../sdk/protocol";
import { language, text } from "../texts";
import { Avatar, nameOf } from "./avatar";
import { FileBox } from "./file-box";
import { linkify } from "./linkify";
import { whenOf } from "./when";

interface Props {
  /** Where they stand. */
  place: Place;
  messages: Message[];
  me: string;
  more: boolean;
  asking: boolean;
  onOlder: () => void;
  /** What may be done with a message. */
  actions?: (message: Message) => ComponentChildren;
  /** After the last message. */
  children?: ComponentChildren;
  /** Changes when something was added by this page: then its end is shown. */
  sent?: number;
}

/** This near to the end, whatever comes is followed. */
const NEAR_PX = 80;
/** Of one person within this time, the name is said once. */
const TOGETHER_MS = 5 * 60_000;

/** What was written, the oldest above. */
export function MessageList({ place, messages, me, more, asking, onOlder, actions, children, sent = 0 }: Props) {
  const box = useRef<HTMLElement>(null);
  const follows = useRef(true);
  const first = useRef({ number: 0, height: 0 });
  const top = messages[0]?.number ?? 0;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const before = first.current;
    if (follows.current) element.scrollTop = element.scrollHeight;
    // Older ones were put above: what was read stays where it is.
    else if (top < before.number) element.scrollTop += element.scrollHeight - before.height;
    first.current = { number: top, height: element.scrollHeight };
  });
  // In a dialog that opens, or over a keyboard that comes up.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => {
      if (follows.current) element.scrollTop = element.scrollHeight;
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  // Whoever writes wants to see it.
  useEffect(() => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [sent]);
  return (
    <section
      ref={box}
      class="messages"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard.
      tabIndex={0}
      aria-label={text("chat")}
      onLoadCapture={() => {
        // A picture is as high as it is.
        if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
      }}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        follows.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
    >
      {more && (
        <button type="button" class="plain slim older" data-testid="older-messages" disabled={asking} onClick={onOlder}>
          {text("chat_older")}
        </button>
      )}
      <ol>
        {messages.map((message, at) => (
          <Item
            key={message.number}
            place={place}
            message={message}
            isMine={message.user.user_id === me}
            isNext={isNext(messages[at - 1], message)}
            actions={actions?.(message)}
          />
        ))}
      </ol>
      {children}
    </section>
  );
}

function isNext(before: Message | undefined, message: Message): boolean {
  return before?.user.user_id === message.user.user_id && message.at_ms - before.at_ms < TOGETHER_MS;
}

interface ItemProps {
  place: Place;
  message: Message;
  isMine: boolean;
  isNext: boolean;
  actions: ComponentChildren;
}

function Item({ place, message, isMine, isNext, actions }: ItemProps) {
  const { user, at_ms, edited, deleted } = message;
  const when = whenOf(at_ms, Date.now(), language.value);
  return (
    <li
      class={`message ${isMine ? "is-mine" : ""} ${isNext ? "is-next" : ""}`}
      data-testid="message"
      data-number={message.number}
      data-mine={isMine}
    >
      {!isMine && !isNext && <Avatar user={user} />}
      {!isNext && (
        <span class="message-head">
          <strong class={isMine ? "visually-hidden" : ""}>{isMine ? text("you") : nameOf(user)}</strong>
          <time class="faint" dateTime={new Date(at_ms).toISOString()}>
            {when}
          </time>
        </span>
      )}
      <div class="message-row">
        <div class={`message-text ${deleted ? "is-deleted" : ""}`} dir="auto" title={when}>
          {deleted ? text("chat_deleted") : <Words words={message.text} />}
          {edited && !deleted && <small class="message-edited"> {text("chat_edited")}</small>}
          {message.file !== undefined && <FileBox file={message.file} place={place} number={message.number} />}
        </div>
        {!deleted && actions}
      </div>
    </li>
  );
}

/** Text with its links, as elements of the page: nothing that was written becomes markup. */
export function Words({ words }: { words: string }) {
  return (
    <>
      {linkify(words).map((part, place) =>
        part.kind === "link" ? (
          <a key={place} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ) : (
          part.text
        ),
      )}
    </>
  );
}
