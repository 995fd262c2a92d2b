// What the operator's page knows, asked of the server again and again.

import { signal } from "@preact/signals";
import { Api, advice, type Participant, type PastCall, Refused, type Room, type Status } from "./api";

const EVERY_MS = 2000;

/** For this tab alone: a key opens everything. */
const KEPT = "tandem-operator-key";

export const api = signal<Api | null>(null);
export const status = signal<Status | null>(null);
export const rooms = signal<Room[]>([]);
/** Of the rooms that are unfolded. */
export const participants = signal<Record<string, Participant[]>>({});
/** The newest calls that were answered and are over, while they are unfolded. */
export const past = signal<PastCall[] | null>(null);
export const problem = signal("");

let next: number | undefined;
/** A look of an earlier key or before a deed tells nothing any more. */
let turn = 0;

/** Opens the page with a key, if the server takes it. */
export async function signIn(key: string): Promise<void> {
  const opened = new Api(key);
  try {
    status.value = await opened.status();
  } catch (error) {
    problem.value = advice(error);
    return;
  }
  sessionStorage.setItem(KEPT, key);
  api.value = opened;
  await look();
}

export function signOut(): void {
  sessionStorage.removeItem(KEPT);
  clearTimeout(next);
  turn += 1;
  api.value = null;
  status.value = null;
  rooms.value = [];
  participants.value = {};
  past.value = null;
  problem.value = "";
}

/** The key of a tab that was loaded again. */
export function keptKey(): string | null {
  return sessionStorage.getItem(KEPT);
}

export function unfold(room: string, open: boolean): void {
  const { [room]: _, ...others } = participants.value;
  participants.value = open ? { ...others, [room]: [] } : others;
  void look();
}

export function unfoldPast(open: boolean): void {
  past.value = open ? [] : null;
  void look();
}

/** Does something, says what came of it, and looks again at once. */
export async function act(deed: (api: Api) => Promise<void>): Promise<void> {
  if (api.value === null) return;
  let said = "";
  await deed(api.value).catch((error: unknown) => {
    said = advice(error);
  });
  await look();
  if (said !== "") problem.value = said;
}

async function look(): Promise<void> {
  clearTimeout(next);
  turn += 1;
  const mine = turn;
  const asked = api.value;
  if (asked === null) return;
  try {
    const [nowStatus, nowRooms] = await Promise.all([asked.status(), asked.rooms()]);
    const there = new Set(nowRooms.map((room) => room.id));
    const open = Object.keys(participants.value).filter((room) => there.has(room));
    // A room may end between the two questions.
    const lists = await Promise.all(open.map((room) => asked.participants(room).catch(() => [])));
    const calls = past.value === null ? [] : await asked.calls();
    if (mine !== turn) return;
    status.value = nowStatus;
    rooms.value = nowRooms;
    const isOver = ({ answered_at_ms, ended_at_ms }: PastCall) =>
      answered_at_ms !== undefined && ended_at_ms !== undefined;
    if (past.value !== null) past.value = calls.filter(isOver);
    participants.value = Object.fromEntries(open.map((room, n) => [room, lists[n] ?? []]));
    problem.value = "";
  } catch (error) {
    if (mine !== turn) return;
    if (error instanceof Refused && error.status === 401) {
      signOut();
    }
    problem.value = advice(error);
  }
  if (api.value !== null) next = window.setTimeout(() => void look(), EVERY_MS);
}
