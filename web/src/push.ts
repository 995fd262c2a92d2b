/** Being told of missed calls and messages while no page is open, by web push. Asked for by a switch, never by itself. */

import { effect, signal } from "@preact/signals";
import { notifyPermission } from "./notify";
import type { Command, Event } from "./sdk/protocol";
import { changeSettings, settings } from "./settings";
import { text } from "./texts";

/** `failed`: the browser could not reach its service, or the server did not take it. */
export type PushState = "unsupported" | "off" | "asking" | "on" | "failed";

/** Without the internet some browsers wait for their service for ever. */
const PATIENCE_MS = 20_000;

const WORKER = "/sw.js";
/** Where the service worker finds what to say: public/sw.js. */
const CACHE = "tandem-push";
const WORDS = "/push-words";

/** Absent without https, and on an iPhone outside of the home screen. */
function isSupported(): boolean {
  return "serviceWorker" in navigator && "PushManager" in globalThis && "Notification" in globalThis;
}

export const push = signal<PushState>("off");

let send: (command: Command) => void = () => {};

/** Once a page: `tell` sends a command to the server. */
export function startPush(tell: (command: Command) => void): void {
  send = tell;
  if (!isSupported()) {
    push.value = "unsupported";
    return;
  }
  effect(() => {
    if (settings.value.push) void keepWords(text("push_missed_call"), text("push_message"));
  });
}

/** What the server says of it; true: it was for nobody else. */
export function handlePush(event: Event, answers: Command["type"] | null): boolean {
  switch (event.type) {
    case "welcome":
      void tellAgain();
      return false;
    case "push_subscribed":
      push.value = "on";
      return true;
    case "push_unsubscribed":
      return true;
    case "error":
      if (answers !== "subscribe_push" && answers !== "unsubscribe_push") return false;
      push.value = "failed";
      return true;
    default:
      return false;
  }
}

export async function turnPushOn(): Promise<void> {
  push.value = "asking";
  try {
    notifyPermission.value = await Notification.requestPermission();
    if (notifyPermission.value !== "granted") {
      push.value = "off";
      return;
    }
    await navigator.serviceWorker.register(WORKER);
    const { pushManager } = await navigator.serviceWorker.ready;
    const applicationServerKey = await serverKey();
    let found = await pushManager.getSubscription();
    if (found !== null && !isOf(found, applicationServerKey)) {
      // The server lost its key, and with it this subscription.
      await found.unsubscribe();
      found = null;
    }
    found ??= await inTime(pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
    changeSettings({ push: true });
    subscribe(found);
  } catch {
    push.value = "failed";
  }
}

export async function turnPushOff(): Promise<void> {
  changeSettings({ push: false });
  push.value = "off";
  const found = await subscription();
  if (found === null) return;
  send({ type: "unsubscribe_push", endpoint: found.endpoint });
  await found.unsubscribe();
}

/** Whoever signs out is not shown to the next one at this browser. */
export async function leavePush(): Promise<void> {
  try {
    if (settings.value.push) await turnPushOff();
  } catch {
    // The browser keeps its subscription; the server has lost it, or the next one who switches this on takes it over.
  }
}

function inTime<T>(asked: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("no answer")), PATIENCE_MS));
  return Promise.race([asked, late]);
}

/** At each sign-in: the browser may have another subscription by now, and the server may have lost this one. */
async function tellAgain(): Promise<void> {
  if (!settings.value.push || !isSupported()) return;
  const found = Notification.permission === "granted" ? await subscription() : null;
  if (found !== null) subscribe(found);
  else changeSettings({ push: false });
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

function subscribe(found: PushSubscription): void {
  const { keys } = found.toJSON();
  send({ type: "subscribe_push", endpoint: found.endpoint, p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" });
}

async function serverKey(): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch("/api/v1/server");
  const { push_key } = (await answer.json()) as { push_key: string };
  return fromBase64Url(push_key);
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function isOf(found: PushSubscription, key: Uint8Array): boolean {
  const theirs = found.options.applicationServerKey;
  if (theirs === null) return false;
  const bytes = new Uint8Array(theirs);
  return bytes.length === key.length && bytes.every((byte, n) => byte === key[n]);
}

async function keepWords(missed_call: string, message: string): Promise<void> {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(WORDS, Response.json({ missed_call, message }));
  } catch {
    // No room, or no storage for this page: then it speaks English.
  }
}
