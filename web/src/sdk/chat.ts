/** What is written in a room. */

import type { InCall } from "./core/state";
import type { Engine } from "./engine";
import { TandemError } from "./errors";
import { newMessageId } from "./message-id";
import type { FileKind, Message } from "./protocol";
import { until } from "./until";

export interface ChatMessage {
  /** Its place in the order of the room, from 1 without gaps. */
  number: number;
  userId: string;
  name: string;
  participantId: string;
  /** When the server kept it. */
  at: Date;
  /** As it was typed: it is text, and no HTML. Empty where it was deleted. */
  text: string;
  edited: boolean;
  deleted: boolean;
  /** What came along; null: nothing, or it was deleted. */
  file: ChatFile | null;
}

export interface ChatFile {
  /** As its sender called it, without what could mislead a reader. It is text, and no HTML. */
  name: string;
  bytes: number;
  /** By its first bytes: a picture that a page may show, or anything else. */
  kind: FileKind;
  /** Whether it is still to be had. */
  kept: boolean;
}

export interface FileOptions {
  /** What is said with it. */
  text?: string;
  /** How many bytes the server has. */
  onProgress?: (sent: number) => void;
  /** Takes it back while it is on its way. */
  signal?: AbortSignal;
}

export class Chat {
  readonly #engine: Engine;
  readonly #room: () => InCall;

  /** @internal `room` throws where there is none any more. */
  constructor(engine: Engine, room: () => InCall) {
    this.#engine = engine;
    this.#room = room;
  }

  /** What this page knows of, oldest first: what was written since it came, and what `load` brought. */
  get messages(): ChatMessage[] {
    return this.#room().chat.messages.map(chatMessage);
  }

  /** Whether there are older ones that `loadOlder` brings. */
  get hasOlder(): boolean {
    return this.#room().chat.more;
  }

  /** Gets the last messages that were written before. */
  load(): Promise<ChatMessage[]> {
    if (!this.#room().chat.asking) this.#engine.send({ kind: "load_chat" });
    return this.#asked();
  }

  loadOlder(): Promise<ChatMessage[]> {
    this.#room();
    this.#engine.send({ kind: "older_messages" });
    return this.#asked();
  }

  /** Resolves when the server has kept the message, and the others have it. */
  async send(text: string): Promise<ChatMessage> {
    this.#room();
    const messageId = newMessageId();
    this.#engine.send({ kind: "say", messageId, text });
    return this.#kept(messageId);
  }

  /** The bytes that a file may have; null: the server keeps none. */
  get fileBytesMax(): number | null {
    return this.#engine.state.fileBytesMax;
  }

  /** Resolves when the server has kept the file and its message, and the others have it. Several go one after the other. */
  async sendFile(file: File, { text = "", onProgress, signal }: FileOptions = {}): Promise<ChatMessage> {
    this.#room();
    signal?.throwIfAborted();
    const messageId = this.#engine.sendFile(file, text);
    const takeBack = () => this.#engine.send({ kind: "drop_message", messageId });
    signal?.addEventListener("abort", takeBack);
    let told = 0;
    const end = this.#engine.on("state", ({ phase }) => {
      if (phase.kind !== "in_call") return;
      const sent = phase.chat.outgoing.find((one) => one.messageId === messageId)?.file?.sent ?? told;
      if (sent !== told) onProgress?.(sent);
      told = sent;
    });
    try {
      return await this.#kept(messageId, signal);
    } finally {
      end();
      signal?.removeEventListener("abort", takeBack);
    }
  }

  /** Gets the file of a message of this room: for a picture, to be shown by `URL.createObjectURL`. */
  loadFile(number: number): Promise<Blob> {
    return this.#engine.downloads.load({ type: "open_file", room_id: this.#room().roomId, number });
  }

  /** An address that downloads the file of a message for the next two minutes, to whoever has it. */
  fileUrl(number: number): Promise<string> {
    return this.#engine.downloads.url({ type: "open_file", room_id: this.#room().roomId, number });
  }

  async #kept(messageId: string, signal?: AbortSignal): Promise<ChatMessage> {
    const kept = await until(this.#engine, ({ me }) => {
      const { messages, outgoing } = this.#room().chat;
      const ours = messages.find((one) => one.message_id === messageId && one.user.user_id === me?.userId);
      if (ours !== undefined) return ours;
      const waits = outgoing.find((one) => one.messageId === messageId);
      signal?.throwIfAborted();
      if (waits === undefined) throw new TandemError("bad_command", "a message has to have some text");
      return waits.problem ?? undefined;
    });
    if (typeof kept !== "string") return chatMessage(kept);
    this.#engine.send({ kind: "drop_message", messageId });
    throw new TandemError(kept, `the server did not keep the message: ${kept}`);
  }

  /** Only one's own. */
  edit(number: number, text: string): void {
    this.#room();
    this.#engine.send({ kind: "edit_message", number, text });
  }

  /** One's own; a host may delete any. */
  delete(number: number): void {
    this.#room();
    this.#engine.send({ kind: "delete_message", number });
  }

  #asked(): Promise<ChatMessage[]> {
    return until(this.#engine, () => (this.#room().chat.asking ? undefined : this.messages));
  }
}

/** @internal */
export function chatMessage(message: Message): ChatMessage {
  const { number, user, participant_id, at_ms, text, edited, deleted, file } = message;
  return {
    number,
    userId: user.user_id,
    name: user.name,
    participantId: participant_id,
    at: new Date(at_ms),
    text,
    edited,
    deleted,
    file: file === undefined ? null : { name: file.name, bytes: file.bytes, kind: file.kind, kept: file.kept },
  };
}
