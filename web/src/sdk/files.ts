/** The bytes of files in chats, to the server and from it, with tickets that the websocket gives. */

import { TandemError } from "./errors";
import type { Command, ErrorCode, Event } from "./protocol";

/** The server answers sooner, unless it is away; then somebody may ask again. */
const PATIENCE_MS = 15_000;

/** Where a ticket is good. `websocketUrl`: of the same server. */
export function ticketUrl(websocketUrl: string, ticket: string): string {
  const url = new URL(`/files/${encodeURIComponent(ticket)}`, websocketUrl);
  url.protocol = url.protocol === "wss:" ? "https:" : "http:";
  return url.href;
}

interface UploadsWorld {
  websocketUrl: string;
  progress(messageId: string, sent: number): void;
  sent(messageId: string, problem: ErrorCode | null): void;
}

/** Files that are not with the server yet, by the ids of their messages. */
export class Uploads {
  readonly #files = new Map<string, Blob>();
  readonly #requests = new Map<string, XMLHttpRequest>();

  constructor(private readonly world: UploadsWorld) {}

  keep(messageId: string, file: Blob): void {
    this.#files.set(messageId, file);
  }

  /** By XMLHttpRequest: `fetch` does not tell how far it is. */
  send(messageId: string, ticket: string): void {
    const file = this.#files.get(messageId);
    if (file === undefined) return;
    const request = new XMLHttpRequest();
    this.#requests.set(messageId, request);
    const over = (problem: ErrorCode | null) => {
      if (this.#requests.get(messageId) !== request) return;
      this.#requests.delete(messageId);
      this.world.sent(messageId, problem);
    };
    request.upload.addEventListener("progress", ({ loaded }) => this.world.progress(messageId, loaded));
    request.addEventListener("load", () => over(problemOf(request.status)));
    request.addEventListener("error", () => over("not_saved"));
    request.open("PUT", ticketUrl(this.world.websocketUrl, ticket));
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(file);
  }

  drop(messageId: string): void {
    this.#files.delete(messageId);
    const request = this.#requests.get(messageId);
    this.#requests.delete(messageId);
    request?.abort();
  }

  dropAll(): void {
    for (const messageId of [...this.#files.keys()]) this.drop(messageId);
  }
}

function problemOf(status: number): ErrorCode | null {
  if (status >= 200 && status < 300) return null;
  return status === 413 ? "too_large" : "not_saved";
}

type Ask = Extract<Command, { type: "open_file" | "open_call_file" }>;

interface DownloadsWorld {
  websocketUrl: string;
  send(command: Ask): void;
}

interface Wanted {
  ask: Ask;
  got: (ticket: string) => void;
  failed: (error: TandemError) => void;
}

/** Tickets to fetch files with. One is asked for at a time, so each answer is of the one that was asked for. */
export class Downloads {
  readonly #wanted: Wanted[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly world: DownloadsWorld) {}

  /** Where the file of a message is to be had from now on, for two minutes. */
  url(ask: Ask): Promise<string> {
    return new Promise((resolve, reject) => {
      const got = (ticket: string) => resolve(ticketUrl(this.world.websocketUrl, ticket));
      this.#wanted.push({ ask, got, failed: reject });
      if (this.#wanted.length === 1) this.#next();
    });
  }

  async load(ask: Ask): Promise<Blob> {
    const url = await this.url(ask);
    const answer = await fetch(url).catch(() => null);
    if (answer === null || !answer.ok) throw new TandemError("not_loaded", "the server did not give the file");
    return answer.blob();
  }

  /** What the server says. */
  handle(event: Event, answers: Command["type"] | null): void {
    const asked = this.#wanted[0];
    if (asked === undefined || answers !== asked.ask.type) return;
    if (event.type === "file_opened") asked.got(event.ticket);
    else if (event.type === "error") asked.failed(new TandemError(event.code, event.message));
    else return;
    this.#done();
  }

  #done(): void {
    clearTimeout(this.#timer);
    this.#wanted.shift();
    this.#next();
  }

  #next(): void {
    const next = this.#wanted[0];
    if (next === undefined) return;
    this.#timer = setTimeout(() => {
      next.failed(new TandemError("not_loaded", "the server does not answer"));
      this.#done();
    }, PATIENCE_MS);
    this.world.send(next.ask);
  }
}
