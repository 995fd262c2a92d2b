/** The desktop notification of an incoming call, for someone who looks elsewhere. Asked for by a button, never by itself. */

import { signal } from "@preact/signals";
import { text } from "./texts";

export type NotifyPermission = NotificationPermission | "unsupported";

/** Absent without https, and in some browsers on phones. */
function permissionNow(): NotifyPermission {
  return "Notification" in globalThis ? Notification.permission : "unsupported";
}

export const notifyPermission = signal<NotifyPermission>(permissionNow());

export async function askToNotify(): Promise<void> {
  try {
    await Notification.requestPermission();
  } finally {
    notifyPermission.value = permissionNow();
  }
}

export class Notifier {
  private shown: Notification | null = null;

  incomingCall(name: string): void {
    this.close();
    if (permissionNow() !== "granted" || document.hasFocus()) return;
    try {
      const shown = new Notification(text("incoming", { name }), {
        body: text("notification_hint"),
        icon: "/icon-192.png",
        // Several tabs of one user ring at once: one of them is enough on the screen.
        tag: "incoming-call",
        requireInteraction: true,
        // The page has a ringing tone of its own.
        silent: true,
      });
      shown.onclick = () => {
        window.focus();
        shown.close();
      };
      this.shown = shown;
    } catch {
      // Chrome on Android has the constructor and forbids it; the page rings and vibrates all the same.
    }
  }

  close(): void {
    this.shown?.close();
    this.shown = null;
  }
}
