// Who has closed the page is told of a missed call: from the switch to the notification. No machine without the internet has a push
// service, so the browser's is played here: it reads what the server sends with a library of others, and hands it to the service worker.

import assert from "node:assert/strict";
import { createECDH, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import ece from "http_ece";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

/** Runs in the page: a subscription as the browser would give it. */
function subscribeTo(given) {
  const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
  let current = null;
  PushManager.prototype.getSubscription = async () => current;
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly || applicationServerKey.length !== 65) throw new Error("the browser would not take that");
    window.askedWith = text(applicationServerKey);
    current = {
      endpoint: given.endpoint,
      options: { applicationServerKey: applicationServerKey.buffer },
      toJSON: () => ({ endpoint: given.endpoint, keys: { p256dh: given.p256dh, auth: given.auth } }),
      unsubscribe: async () => {
        current = null;
        return true;
      },
    };
    return current;
  };
}

test("a missed call is on the screen of who has closed the page", { timeout: 120_000 }, async (t) => {
  const key = createECDH("prime256v1");
  key.generateKeys();
  const auth = randomBytes(16);
  const got = [];
  const service = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const options = { version: "aes128gcm", privateKey: key, authSecret: auth };
    got.push(ece.decrypt(Buffer.concat(parts), options).toString());
    response.writeHead(201).end();
  });
  await new Promise((resolve) => service.listen(0, "127.0.0.1", resolve));
  const server = await Server.start({ TANDEM__PUSH__ALLOWED_HOSTS: "127.0.0.1" });
  t.after(async () => {
    await server.stop();
    service.closeAllConnections();
    service.close();
  });

  const [ada, bob] = await Promise.all([0, 1].map(() => Person.open("chromium", server.url)));
  t.after(() => Promise.all([ada.close(), bob.close()]));
  const bobsId = await bob.id();
  const given = {
    endpoint: `http://127.0.0.1:${service.address().port}/push`,
    p256dh: key.getPublicKey("base64url"),
    auth: auth.toString("base64url"),
  };
  await bob.page.browserContext().overridePermissions(new URL(server.url).origin, ["notifications"]);
  await bob.page.evaluate(subscribeTo, given);
  await bob.click("push");
  await until("the switch is on", () => bob.page.$eval(bob.at("push"), (e) => e.dataset.on === "true"));
  const about = await (await fetch(`${server.url}api/v1/server`)).json();
  assert.equal(
    Buffer.from(await bob.page.evaluate(() => window.askedWith), "base64").toString("base64url"),
    about.push_key,
  );

  // The service worker stays when the page goes.
  const browser = bob.page.browser();
  const worker = await (await browser.waitForTarget((target) => target.type() === "service_worker")).createCDPSession();
  const other = await bob.page.browserContext().newPage();
  const session = await other.createCDPSession();
  let registration;
  session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
    registration = registrations.at(-1)?.registrationId ?? registration;
  });
  await session.send("ServiceWorker.enable");
  await until("the registration", () => registration);
  const websockets = await server.metric("tandem_websockets");
  await bob.page.close();
  await until("nobody is there", async () => (await server.metric("tandem_websockets")) < websockets);

  await ada.call(bobsId);
  await until("a push message", () => got.length > 0);
  assert.equal(JSON.parse(got[0]).type, "missed_call");
  const origin = new URL(server.url).origin;
  const deliver = () =>
    session.send("ServiceWorker.deliverPushMessage", { origin, registrationId: registration, data: got[0] });
  const look =
    "self.registration.getNotifications().then((all) => JSON.stringify(all.map(({ title, data }) => ({ title, data }))))";
  const inWorker = (expression) =>
    worker.send("Runtime.evaluate", { expression, awaitPromise: true }).then(({ result }) => result.value);
  const shown = async () => {
    const all = JSON.parse(await inWorker(look));
    if (all.length === 0) throw new Error(`none; the permission is ${await inWorker("Notification.permission")}`);
    return all;
  };
  // A worker that is just being stopped does not get it; the tag makes several one. But it takes a moment to be shown, and one that was
  // delivered again meanwhile would come after the click on the first.
  const notified = () =>
    until("a notification, delivered as often as it takes", async () => {
      await deliver();
      return until("a notification", shown, 2_000);
    });
  const [notification] = await notified();
  const from = JSON.parse(got[0]).user;
  assert.equal(notification.title, `Missed call from ${from.name || from.user_id}`);
  assert.deepEqual(notification.data, { path: "/#calls" });

  // A click on it. No script can make one that may open a window: what the browser would do by it is noted here, and done below.
  const clicked = () => {
    const click = async () => {
      const [notification] = await self.registration.getNotifications();
      const event = new NotificationEvent("notificationclick", { notification });
      const done = {};
      self.clients.openWindow = async (path) => {
        done.opened = path;
      };
      WindowClient.prototype.focus = async function () {
        done.focused = this.url;
      };
      event.waitUntil = (promise) => {
        done.all = promise;
      };
      self.dispatchEvent(event);
      await done.all;
      delete done.all;
      return JSON.stringify({ ...done, left: (await self.registration.getNotifications()).length });
    };
    return inWorker(`(${click})()`).then(JSON.parse);
  };
  assert.deepEqual(await clicked(), { opened: "/#calls", left: 0 });
  const page = new Person();
  page.kind = "chromium";
  page.browser = browser;
  await page.openTab(new URL("/#calls", server.url).href);
  const looksAtCalls = () =>
    until("the list of calls is looked at", () =>
      page.page.evaluate(() => document.activeElement.id === "recent-title"),
    );
  await looksAtCalls();
  assert.equal(await page.data("recent-call", "missed"), "true");
  assert.equal(page.page.url(), server.url, "a page that is loaded again would go there once more");

  // Where a page is open, it is that one.
  await page.page.evaluate(() => document.activeElement.blur());
  await notified();
  const { focused, ...rest } = await clicked();
  assert.ok(focused.startsWith(server.url), focused);
  assert.deepEqual(rest, { left: 0 });
  await looksAtCalls();
});
