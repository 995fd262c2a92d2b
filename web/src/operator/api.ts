// The server's API (docs/api.md), as far as the operator's page asks it.

import type { CallReport } from "../sdk/protocol";

export interface Status {
  version: string;
  uptime_s: number;
  draining: boolean;
  sessions: number;
  ringing: number;
  calls: number;
  participants: number;
  workers: { busy: number }[];
}

export interface Room {
  id: string;
  kind: "link" | "call";
  name: string;
  participants: number;
  waiting: number;
  locked: boolean;
}

export interface Participant {
  id: string;
  user_id: string;
  name: string;
  waiting: boolean;
  host: boolean;
  reconnecting: boolean;
  sources: string[];
  path?: { kind: "direct" | "forwarded"; protocol?: string; relayed: boolean; reason: string };
  /** Over the last seconds. */
  measured?: { received_loss_permille?: number; sent_loss_permille?: number; round_trip_ms?: number };
  since_s?: number;
}

/** A call that is over, or one that goes on. */
export interface PastCall {
  id: string;
  caller_id: string;
  callee_id: string;
  rang_at_ms: number;
  answered_at_ms?: number;
  ended_at_ms?: number;
  talked_ms: number;
  reason?: string;
}

interface List<T> {
  items: T[];
  next_cursor?: string;
}

/** Pages of a list that are asked for; with 100 in each, more than anybody reads. */
const PAGES_MAX = 10;

/** Why the server did not do it: its own sentence, where it gave one. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** What to do about a refusal. */
export function advice(error: unknown): string {
  if (!(error instanceof Refused)) return "The server does not answer. The page goes on trying.";
  if (error.status === 401) return "This key is not among those in api.keys.";
  if (error.status === 404)
    return "The API is switched off: put a key into api.keys in config.toml, and start the server again.";
  if (error.status === 429) return "Too many wrong keys came from this address. Wait ten seconds.";
  return error.message;
}

export class Api {
  constructor(
    private readonly key: string,
    private readonly send: typeof fetch = (...args) => fetch(...args),
  ) {}

  status(): Promise<Status> {
    return this.ask("GET", "/status");
  }

  rooms(): Promise<Room[]> {
    return this.list("/rooms");
  }

  participants(room: string): Promise<Participant[]> {
    return this.list(`/rooms/${room}/participants`);
  }

  /** The newest. */
  async calls(): Promise<PastCall[]> {
    const { items } = await this.ask<List<PastCall>>("GET", "/calls?limit=30");
    return items;
  }

  report(call: string): Promise<CallReport> {
    return this.ask("GET", `/calls/${call}/report`);
  }

  endRoom(room: string): Promise<void> {
    return this.ask("DELETE", `/rooms/${room}`);
  }

  mute(room: string, participant: string, source: string): Promise<void> {
    return this.ask("POST", `/rooms/${room}/participants/${participant}/mute`, { source });
  }

  remove(room: string, participant: string): Promise<void> {
    return this.ask("DELETE", `/rooms/${room}/participants/${participant}`);
  }

  block(user: string): Promise<void> {
    return this.ask("PUT", `/users/${user}/block`);
  }

  drain(on: boolean): Promise<void> {
    return this.ask(on ? "POST" : "DELETE", "/drain");
  }

  private async list<T>(path: string): Promise<T[]> {
    const all: T[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page++) {
      const query = cursor === undefined ? "?limit=100" : `?limit=100&cursor=${encodeURIComponent(cursor)}`;
      const part: List<T> = await this.ask("GET", path + query);
      all.push(...part.items);
      cursor = part.next_cursor;
      if (cursor === undefined) break;
    }
    return all;
  }

  private async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const answer = await this.send(`/api/v1${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
    });
    const text = await answer.text();
    if (!answer.ok) throw new Refused(answer.status, sentenceIn(text) ?? `The server answered ${answer.status}.`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }
}

/** What problem+json (RFC 9457) says. */
function sentenceIn(text: string): string | null {
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail : null;
  } catch {
    return null;
  }
}
