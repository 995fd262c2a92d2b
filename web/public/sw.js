// Shows what somebody missed while no page was open (docs/push.md). It keeps no page and answers no request: it is here for push alone.

// Written by the page, in the language that it shows: src/push.ts.
const CACHE = "tandem-push";
const WORDS = "/push-words";
const DEFAULT_WORDS = { missed_call: "Missed call from {name}", message: "New message from {name}" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("push", (event) => event.waitUntil(show(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.path));
});

async function show(data) {
  let told = {};
  try {
    told = data.json();
  } catch {
    // A message that cannot be read is shown all the same: the browser promised its owner that each is.
  }
  const kind = told.type === "message" ? "message" : "missed_call";
  const user = Object(told.user);
  const name = String(user.name || user.user_id || "?");
  const title = (await words())[kind].replace("{name}", () => name);
  const path = pathOf(kind, told, user);
  const tag = `${kind} ${kind === "message" ? told.room_id : user.user_id}`;
  const options = { tag, renotify: true, icon: "/icon-192.png", timestamp: Date.now(), data: { path } };
  await self.registration.showNotification(title, options);
}

/** Where a click leads, as src/notified.ts reads it. An id is one of ours, or it leads to the list of calls. */
function pathOf(kind, told, user) {
  if (kind === "message" && /^[0-9a-z]{13}$/.test(told.link_id ?? "")) return `/r/${told.link_id}`;
  if (kind === "message" && /^[0-9a-z-]{14}$/.test(user.user_id ?? "")) return `/#chat=${user.user_id}`;
  return "/#calls";
}

async function words() {
  try {
    const kept = await (await caches.open(CACHE)).match(WORDS);
    return { ...DEFAULT_WORDS, ...(await kept.json()) };
  } catch {
    return DEFAULT_WORDS;
  }
}

/** A page that is open is looked at, and shows it if its owner does nothing else there; else there is a new one. */
async function open(path) {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const pages = all.filter((one) => !new URL(one.url).pathname.startsWith("/admin"));
  const page = pages.find((one) => new URL(one.url).pathname === path.split("#")[0]) ?? pages[0];
  if (page === undefined) return self.clients.openWindow(path);
  page.postMessage({ type: "notification_clicked", path });
  return page.focus();
}
