// Files in a chat: a picture and a document are sent, seen, saved, found again after a restart of the server, and go with their message.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { deflateSync } from "node:zlib";
import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";

/** A PNG of one colour (W3C PNG, third edition, section 5). */
function png(width, height) {
  const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  const crc = (bytes) => {
    let c = 0xffffffff;
    for (const byte of bytes) c = table[(c ^ byte) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
  };
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const whole = Buffer.alloc(body.length + 8);
    whole.writeUInt32BE(data.length, 0);
    body.copy(whole, 4);
    whole.writeUInt32BE(crc(body), body.length + 4);
    return whole;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, Buffer.from([40, 120, 200]))]);
  const data = deflateSync(Buffer.concat(Array(height).fill(row)));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

const HOSTILE = `<img src=x onerror="window.__hit=1">.png`;

describe("files in a chat", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-files-"));
  const saved = mkdtempSync(join(tmpdir(), "tandem-saved-"));
  const picture = join(folder, "sea.png");
  const plan = join(folder, "plan.pdf");
  const markup = join(folder, "photo.png");
  let server;
  let ada;
  let bob;

  before(async () => {
    writeFileSync(picture, png(320, 200));
    writeFileSync(plan, Buffer.alloc(600_000, "plan "));
    writeFileSync(markup, `<!doctype html><script>window.__hit=1</script>`);
    server = await Server.start();
    [ada, bob] = [await Person.open("chromium", server.url), await Person.open("chromium", server.url)];
    await ada.online();
    await bob.online();
    const cdp = await bob.page.createCDPSession();
    await cdp.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: saved });
    await ada.call(await bob.id());
    await bob.click("answer");
    for (const one of [ada, bob]) {
      await one.sees("chat");
      await one.click("chat");
      await one.sees("chat-input");
    }
  });

  after(async () => {
    await ada?.close();
    await bob?.close();
    await server?.stop();
    for (const one of [folder, saved]) rmSync(one, { recursive: true, force: true });
  });

  const files = (person) =>
    person.page.$$eval('[data-testid="file"]', (all) =>
      all.map((one) => ({
        name: one.querySelector(".file-name").textContent,
        kind: one.dataset.kind,
        width: one.querySelector("img")?.naturalWidth ?? 0,
      })),
    );
  const choose = async (person, ...paths) => {
    const field = await person.page.$(person.at("file-input"));
    await field.uploadFile(...paths);
    await until("it is chosen", async () => (await person.page.$$(person.at("attachment"))).length === paths.length);
  };
  const sees = (person, count) =>
    until(`${count} files are seen`, async () => {
      const all = await files(person);
      return all.length === count && all;
    });

  test("a picture is seen, a document is saved, and what only calls itself a picture is none", async () => {
    await choose(ada, picture, plan, markup);
    await ada.page.type(ada.at("chat-input"), "look");
    await ada.page.keyboard.press("Enter");
    await sees(bob, 3);
    const shown = await until("the picture is drawn", async () => {
      const all = await files(bob);
      return all[0].width === 320 && all;
    });
    assert.deepEqual(
      shown.map(({ name, kind }) => [name, kind]),
      [
        ["sea.png", "png"],
        ["plan.pdf", "other"],
        ["photo.png", "other"],
      ],
    );
    assert.equal(shown[2].width, 0);
    const words = await bob.page.$$eval('[data-testid="message"] .message-text', (all) =>
      all.map((one) => one.firstChild?.textContent),
    );
    assert.equal(words[0], "look");
    await bob.page.evaluate(() => document.querySelectorAll('[data-testid="save-file"]')[1].click());
    await until("it is saved", async () => {
      try {
        return readFileSync(join(saved, "plan.pdf")).equals(readFileSync(plan));
      } catch {
        return false;
      }
    });
    assert.equal(await bob.page.evaluate(() => document.location.pathname), "/", "the page stays");
    await sees(ada, 3);
  });

  test("what is dropped and what is pasted goes too, and a hostile name stays a name", async () => {
    const bytes = [...readFileSync(picture)];
    const hand = (bytes, name, kind) => {
      const files = new DataTransfer();
      files.items.add(new File([new Uint8Array(bytes)], name, { type: "image/svg+xml" }));
      const [event, at] =
        kind === "paste"
          ? [new ClipboardEvent("paste", { clipboardData: files, bubbles: true, cancelable: true }), "chat-input"]
          : [new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }), "chat-panel"];
      document.querySelector(`[data-testid="${at}"]`).dispatchEvent(event);
    };
    await bob.page.evaluate(hand, bytes, HOSTILE, "drop");
    await bob.page.evaluate(hand, bytes, "clip.png", "paste");
    await until("both are chosen", async () => (await bob.page.$$(bob.at("attachment"))).length === 2);
    await bob.click("remove-attachment");
    await until("one is removed", async () => (await bob.page.$$(bob.at("attachment"))).length === 1);
    await bob.page.evaluate(hand, bytes, HOSTILE, "drop");
    await bob.click("chat-send");
    const all = await sees(ada, 5);
    assert.deepEqual(
      all.slice(3).map(({ name }) => name),
      ["clip.png", "_img src=x onerror=_window.__hit=1__.png"],
    );
    assert.equal(await ada.page.evaluate(() => window.__hit), undefined);
  });

  test("they are found again after a restart, and one goes with its message", async () => {
    await server.kill();
    await server.launch();
    await ada.page.reload();
    await ada.sees("chat");
    await ada.click("chat");
    await sees(ada, 5);
    // The last one is in sight.
    await until("a picture is drawn again", async () => (await files(ada))[4].width === 320);
    await ada.page.evaluate(() => document.querySelector('[data-testid="message-more"]').click());
    await ada.click("delete-message");
    await sees(ada, 4);
    await sees(bob, 4);
    // All else but that the server was away: the content security policy had nothing to say.
    const isAway = (one) => one.startsWith("WebSocket connection") || one.includes("ERR_CONNECTION_REFUSED");
    const others = [...ada.errors, ...bob.errors].filter((one) => !isAway(one));
    assert.deepEqual(others, []);
  });
});
