import { useEffect, useState } from "preact/hooks";
import { sendFile, sizeOf } from "../files";
import { unreadCount } from "../sdk/core/chat";
import type { AppState, InCall, Input, Outgoing, OutgoingFile } from "../sdk/core/state";
import { newMessageId } from "../sdk/message-id";
import type { Message } from "../sdk/protocol";
import { text } from "../texts";
import { FILES_MAX, useDrop } from "./attachments";
import { Composer } from "./composer";
import { Icon } from "./icon";
import { Menu, MenuItem } from "./menu";
import { MessageList, Words } from "./message-list";
import { isNarrow } from "./narrow";
import { Panel } from "./panel";
import { whenSeen } from "./when-seen";

interface Props {
  state: AppState;
  phase: InCall;
  send: (input: Input) => void;
}

/** What is written in the call or the room, and the field for more. */
export function ChatPanel({ state, phase, send }: Props) {
  const { chat, me } = phase;
  const own = state.me?.userId ?? "";
  const [editing, setEditing] = useState<Message | null>(null);
  const [sent, setSent] = useState(0);
  const [chosen, setChosen] = useState<File[]>([]);
  const most = phase.serverLost || state.grants?.data === false || editing !== null ? null : state.fileBytesMax;
  const { isOver, handlers } = useDrop(
    most === null ? null : (files) => setChosen([...chosen, ...files].slice(0, FILES_MAX)),
  );
  const unread = unreadCount(chat, own);
  useEffect(() => (unread > 0 ? whenSeen(() => send({ kind: "see_chat" })) : undefined), [unread, send]);
  const actions = (message: Message) => {
    const isMine = message.user.user_id === own;
    if (phase.serverLost || (!isMine && !me.host)) return null;
    return (
      <Menu testId="message-more" icon="dots" label={text("chat_more")} class="plain icon-only message-more">
        {isMine && (
          <MenuItem testId="edit-message" icon="pencil" label={text("chat_edit")} onClick={() => setEditing(message)} />
        )}
        <MenuItem
          testId="delete-message"
          icon="trash"
          label={text("chat_delete")}
          grave
          onClick={() => send({ kind: "delete_message", number: message.number })}
        />
      </Menu>
    );
  };
  const write = (words: string) => {
    if (editing === null) {
      // What is said goes with the first of them.
      if (chosen.length === 0) send({ kind: "say", messageId: newMessageId(), text: words });
      chosen.forEach((file, place) => {
        sendFile(file, place === 0 ? words : "");
      });
      setChosen([]);
      setSent(sent + 1);
    } else {
      if (words !== editing.text) send({ kind: "edit_message", number: editing.number, text: words });
      setEditing(null);
    }
  };
  const isEmpty = chat.messages.length === 0 && chat.outgoing.length === 0;
  return (
    <Panel
      testId="chat-panel"
      title={text("chat")}
      class={`chat ${isOver ? "takes-files" : ""}`}
      focus={isNarrow.value ? undefined : "textarea"}
      {...handlers}
    >
      <MessageList
        place={{ roomId: phase.roomId }}
        messages={chat.messages}
        me={own}
        more={chat.more}
        asking={chat.asking}
        onOlder={() => send({ kind: "older_messages" })}
        actions={actions}
        sent={sent}
      >
        {isEmpty && <p class="faint chat-empty">{text(chat.loaded ? "chat_empty" : "chat_loading")}</p>}
        {chat.outgoing.length > 0 && (
          <ol>
            {chat.outgoing.map((one) => (
              <Waiting key={one.messageId} one={one} state={state} canAgain={!phase.serverLost} send={send} />
            ))}
          </ol>
        )}
      </MessageList>
      {isOver && <p class="drop-hint">{text("file_drop")}</p>}
      <Composer
        editing={editing?.text ?? null}
        files={most === null ? null : { chosen, most, onChoose: setChosen }}
        onWrite={write}
        onCancel={() => setEditing(null)}
      />
    </Panel>
  );
}

/** Written here, and not kept yet. */
function Waiting({ one, state, canAgain, send }: Omit<Props, "phase"> & { one: Outgoing; canAgain: boolean }) {
  const { messageId, problem } = one;
  const isAway = state.connection !== "up";
  return (
    <li class="message is-mine" data-testid="outgoing" data-problem={problem ?? undefined}>
      <div class="message-row">
        <div class={`message-text ${problem === null ? "is-waiting" : "has-failed"}`} dir="auto">
          <Words words={one.text} />
          {one.file !== null && <OnItsWay file={one.file} goes={problem === null} />}
        </div>
      </div>
      {problem === null ? (
        <span class="message-note row">
          <small class="faint">{text(isAway ? "chat_waits" : "chat_sending")}</small>
          {one.file !== null && (
            <button
              type="button"
              class="plain slim"
              data-testid="cancel-file"
              aria-label={text("file_cancel", { name: one.file.name })}
              onClick={() => send({ kind: "drop_message", messageId })}
            >
              {text("cancel")}
            </button>
          )}
        </span>
      ) : (
        <div class="message-note" role="alert">
          <small class="wrong">
            {problem === "too_large" && one.file !== null
              ? text("file_too_large", { most: sizeOf(state.fileBytesMax ?? 0) })
              : text(problem)}
          </small>
          <span class="row">
            {canAgain && (
              <button
                type="button"
                class="quiet slim"
                data-testid="say-again"
                onClick={() => send({ kind: "say_again", messageId })}
              >
                {text("chat_again")}
              </button>
            )}
            <button
              type="button"
              class="plain slim"
              data-testid="drop-message"
              onClick={() => send({ kind: "drop_message", messageId })}
            >
              <Icon name="trash" />
              {text("chat_drop")}
            </button>
          </span>
        </div>
      )}
    </li>
  );
}

function OnItsWay({ file, goes }: { file: OutgoingFile; goes: boolean }) {
  const { name, bytes, sent } = file;
  return (
    <div class="file">
      <div class="file-row">
        <Icon name="file" />
        <span class="file-what">
          <bdi class="file-name">{name}</bdi>
          <small>{sizeOf(bytes)}</small>
        </span>
      </div>
      {goes && (
        <progress max={bytes} value={sent} aria-label={text("file_progress", { name })} data-testid="file-progress" />
      )}
    </div>
  );
}
