// Calls on a website of another origin: the client library as in the example, and the element. The other side is the ordinary page.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";

import { Person, until } from "../support/person.mjs";
import { Server } from "../support/server.mjs";
import { Site } from "../support/site.mjs";
import { sign, takesTokens } from "../support/token.mjs";

/** What a site with a strict policy of its own has to allow, as docs/sdk.md says. */
const policy = (server) => {
  const { origin, host } = new URL(server);
  const inline = "'unsafe-inline'";
  return {
    "content-security-policy": `default-src 'none'; script-src ${inline} ${origin}; style-src ${inline}; img-src 'self'; connect-src ${origin} ws://${host}`,
  };
};

/** In the element's own tree. */
class Element {
  constructor(person) {
    this.person = person;
  }

  shows(what, probe, ...args) {
    return until(`${this.person.kind}: the element ${what}`, () => this.person.page.evaluate(probe, ...args));
  }

  press(deed) {
    return this.shows(
      `has a button ${deed}`,
      (deed) => {
        const button = document.querySelector("tandem-call")?.shadowRoot.querySelector(`[data-deed="${deed}"]`);
        if (!button || button.hidden) return false;
        button.click();
        return true;
      },
      deed,
    );
  }

  has(deed, text) {
    return this.shows(
      `says ${text}`,
      (deed, text) => {
        const button = document.querySelector("tandem-call").shadowRoot.querySelector(`[data-deed="${deed}"]`);
        return !button.hidden && button.textContent === text;
      },
      deed,
      text,
    );
  }

  says(words) {
    return this.shows(
      `says ${words}`,
      (words) => document.querySelector("tandem-call")?.shadowRoot.querySelector("[role=status]").textContent === words,
      words,
    );
  }

  /** How the first of the others' pictures is shown. */
  picture() {
    return this.person.page.evaluate(() => {
      const video = document.querySelector("tandem-call").shadowRoot.querySelector("figure video");
      if (video === null) return null;
      const { hidden, videoWidth, paused, currentTime } = video;
      return { hidden, videoWidth, paused, currentTime };
    });
  }

  async plays() {
    let last = null;
    await until(`${this.person.kind}: the element plays the other`, async () => {
      last = await this.picture();
      return last !== null && !last.hidden && last.videoWidth > 0 && !last.paused && last.currentTime > 0;
    }).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(last)}`);
    });
  }
}

/** Frames that are decoded and sound that has energy, whatever the page looks like. */
async function receives(person) {
  const then = await person.received();
  await until(`${person.kind} sees and hears`, async () => {
    const now = await person.received();
    return now.frames >= then.frames + 10 && now.audioEnergy > then.audioEnergy;
  });
}

const AXE = readFileSync(new URL("../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** Whoever sees, hears or moves otherwise finds no barrier, in the element's own tree too. */
async function hasNoBarriers(person) {
  await person.page.evaluate(AXE);
  const found = await person.page.evaluate(() => window.axe.run(document.querySelector("tandem-call")));
  assert.deepEqual(
    found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`),
    [],
  );
}

/** Runs in the page: counts the tones that are begun, and the sound outputs that are let go. */
function listen() {
  window.__heard = { begun: 0, ended: 0 };
  const count = (of, method, what) => {
    const native = of.prototype[method];
    of.prototype[method] = function (...args) {
      window.__heard[what] += 1;
      return native.apply(this, args);
    };
  };
  count(OscillatorNode, "start", "begun");
  count(AudioContext, "close", "ended");
}

/** Without a sound card Firefox starts no AudioContext. */
const rings = (person) =>
  person.kind === "firefox" ||
  until("it rings", () => person.page.evaluate(() => window.__heard.begun > 0 && window.__heard.ended === 0));
const isQuiet = (person) =>
  person.kind === "firefox" || until("it is quiet", () => person.page.evaluate(() => window.__heard.ended > 0));

const shot = (person, name) =>
  process.env.TANDEM_SHOTS && person.screenshot(`${process.env.TANDEM_SHOTS}/${name}-${person.kind}.png`);

describe("on a website of another origin", { timeout: 900_000 }, () => {
  let site;
  let server;

  before(async () => {
    site = await Site.start();
    server = await Server.start({ TANDEM__SERVER__ALLOWED_ORIGINS: site.origin });
  });

  after(async () => {
    await site?.close();
    await server?.stop();
  });

  const open = async (t, kind, url, options) => {
    const person = await Person.open(kind, url, options);
    t.after(() => person.close());
    return person;
  };
  const says = (person, words) =>
    until(`${person.kind} says ${words}`, async () =>
      (await person.page.$eval("#status", (e) => e.textContent)).includes(words),
    );
  const press = (person, id) => person.page.$eval(`#${id}`, (e) => e.click());

  for (const kind of ["chromium", "firefox"]) {
    test(`${kind}: the example calls the ordinary page and is called by it`, async (t) => {
      const ada = await open(t, kind, site.page("call", server));
      const bob = await open(t, "chromium", server.url);
      await says(ada, "Ready.");
      const adasId = await ada.page.$eval("#my-id", (e) => e.textContent);
      await ada.page.type("#user", await bob.id());
      await ada.page.$eval("#form", (e) => e.requestSubmit());
      await bob.sees("incoming");
      await says(ada, "Ringing");
      await bob.click("answer");
      await says(ada, "talking");
      await ada.seesAndHears();
      await bob.seesAndHears();
      await shot(ada, "example");
      await ada.page.setViewport({ width: 390, height: 844 });
      await shot(ada, "example-phone");

      // Muted and without a picture, as the other page shows it; and back.
      await press(ada, "mute");
      await until("the button says so", async () => (await ada.page.$eval("#mute", (e) => e.textContent)) === "Unmute");
      await press(ada, "mute");
      await press(ada, "camera");
      await until(
        "the camera is off",
        async () => (await ada.page.$eval("#camera", (e) => e.textContent)) === "Camera on",
      );
      await press(ada, "camera");
      await bob.seesAndHears();

      // What is written arrives on both sides, and is no HTML.
      await bob.click("chat");
      await ada.page.type("#text", "<b>hello</b> from elsewhere");
      await ada.page.$eval("#write", (e) => e.requestSubmit());
      await until("the message is here", async () =>
        (await ada.page.$eval("#messages", (e) => e.textContent)).includes("<b>hello</b> from elsewhere"),
      );
      await until("the message is there", async () =>
        (await bob.page.$eval("body", (e) => e.textContent)).includes("<b>hello</b> from elsewhere"),
      );

      await press(ada, "hang-up");
      await bob.endedWith("hung_up");
      await says(ada, "hung_up");
      assert.equal(await ada.liveTracks(), 0, "the camera light stays on after the call");

      // The other way round.
      await bob.goHome();
      await bob.call(adasId);
      await says(ada, "is calling");
      await press(ada, "answer");
      await ada.seesAndHears();
      await bob.seesAndHears();
      await bob.click("hang-up");
      await says(ada, "hung_up");

      // Nobody is there, and an id that is none.
      await ada.page.$eval("#user", (e) => {
        e.value = "0000-0000-0001";
      });
      await ada.page.$eval("#form", (e) => e.requestSubmit());
      await says(ada, "unreachable");
      await ada.page.$eval("#user", (e) => {
        e.value = "nonsense";
      });
      await ada.page.$eval("#form", (e) => e.requestSubmit());
      await says(ada, "is no user id");
      assert.deepEqual(ada.errors, [], "the page complains");
    });

    test(`${kind}: the element calls, mutes, hangs up and is called`, async (t) => {
      const bob = await open(t, "chromium", server.url);
      const ada = await open(t, kind, site.page("element", server, { user: await bob.id() }));
      const element = new Element(ada);
      await element.has("call", "Call");
      await element.says("Ready to call.");
      await shot(ada, "element-ready");
      await hasNoBarriers(ada);
      await ada.page.evaluate(listen);
      await element.press("call");
      await rings(ada);
      await bob.click("answer");
      await isQuiet(ada);
      await receives(ada);
      await bob.seesAndHears();
      await element.plays();
      await element.press("microphone");
      await element.has("microphone", "Unmute");
      await element.press("microphone");
      await element.has("microphone", "Mute");
      await element.press("camera");
      await element.has("camera", "Camera on");
      await element.press("camera");
      await element.has("camera", "Camera off");
      await bob.seesAndHears();
      await shot(ada, "element-call");
      await ada.page.setViewport({ width: 390, height: 844 });
      await shot(ada, "element-phone");
      await hasNoBarriers(ada);

      // A page that is loaded again goes on with its call.
      await ada.page.reload();
      await element.has("hang_up", "Hang up");
      await receives(ada);
      await bob.seesAndHears();

      await element.press("hang_up");
      await bob.endedWith("hung_up");
      await element.says("The call is over.");
      assert.equal(await ada.liveTracks(), 0);

      await ada.page.evaluate(() => {
        window.__told = [];
        for (const name of ["incoming", "answered", "ended"]) {
          document.addEventListener(name, ({ detail }) => window.__told.push([name, detail]));
        }
      });
      const id = await ada.page.evaluate(() => document.querySelector("tandem-call").tandem.userId);
      await bob.goHome();
      await ada.page.evaluate(listen);
      await bob.call(id);
      await rings(ada);
      await element.press("answer");
      await isQuiet(ada);
      await receives(ada);
      await bob.seesAndHears();
      await bob.click("hang-up");
      await element.says("The call is over.");
      const told = await ada.page.evaluate(() => window.__told);
      assert.deepEqual(
        told.map(([name]) => name),
        ["incoming", "answered", "ended"],
      );
      assert.equal(told[2][1].reason, "hung_up");

      // A site with sounds of its own.
      await ada.page.evaluate(() => document.querySelector("tandem-call").setAttribute("ring", "off"));
      await ada.page.evaluate(listen);
      await bob.goHome();
      await bob.call(id);
      await element.has("decline", "Decline");
      assert.equal(await ada.page.evaluate(() => window.__heard.begun), 0);
      await element.press("decline");
      await bob.endedWith("declined");
      assert.deepEqual(ada.errors, [], "the page complains");
    });

    test(`${kind}: three in a room, one of them by the element`, async (t) => {
      const bob = await open(t, "chromium", server.url);
      await bob.id();
      await bob.click("create-room");
      await bob.sees("enter-room");
      const link = await bob.text("room-link");
      await bob.click("enter-room");
      await bob.click("join-room");
      await bob.sees("hang-up");
      const cyd = await open(t, "chromium", link);
      await cyd.click("join-room");
      await cyd.sees("hang-up");
      const ada = await open(t, kind, site.page("element", server, { room: link, lang: "de" }));
      const element = new Element(ada);
      await element.has("join", "Beitreten");
      await element.press("join");
      await element.shows("shows both", () => {
        const { shadowRoot } = document.querySelector("tandem-call");
        const videos = [...shadowRoot.querySelectorAll("figure video")];
        return videos.length === 2 && videos.every((v) => !v.hidden && v.videoWidth > 0 && v.currentTime > 0);
      });
      await receives(ada);
      await shot(ada, "element-room");
      for (const other of [bob, cyd]) await other.seesAndHears();
      await element.press("hang_up");
      await element.has("join", "Beitreten");
      assert.deepEqual(ada.errors, [], "the page complains");
    });

    test(`${kind}: an origin that is not listed is refused, and the page and the operator read why`, async (t) => {
      const foreign = await Site.start();
      t.after(() => foreign.close());
      const eve = await open(t, kind, foreign.page("call", server));
      await says(eve, "server.allowed_origins");
      await says(eve, foreign.origin);
      assert.equal(await eve.page.$eval("#my-id", (e) => e.textContent), "");
      assert.ok(
        eve.errors.some((one) => one.includes("Tandem:") && one.includes("server.allowed_origins")),
        `the console says it too: ${eve.errors}`,
      );
      await until("the log names the origin and the key", () =>
        server.log.split("\n").some((line) => line.includes(foreign.origin) && line.includes("server.allowed_origins")),
      );
      const embedded = await open(t, kind, foreign.page("element", server, { user: "0000-0000-0001" }));
      await new Element(embedded).says("This website may not make calls here yet.");
    });

    test(`${kind}: tokens sign in, under a strict policy of the site`, async (t) => {
      const strict = await Site.start();
      t.after(() => strict.close());
      const closed = await Server.start(takesTokens({ TANDEM__SERVER__ALLOWED_ORIGINS: strict.origin }));
      t.after(() => closed.stop());
      strict.headers = policy(closed.url);
      const bob = await open(t, "chromium", `${closed.url}#token=${sign({ sub: "bob", name: "Bob" })}`);
      const wishes = { user: await bob.id(), token: sign({ sub: "ada", name: "Ada" }) };
      const ada = await open(t, kind, strict.page("element", closed, wishes));
      const element = new Element(ada);
      await element.press("call");
      await bob.click("answer");
      await receives(ada);
      await bob.seesAndHears();
      await element.press("hang_up");
      await bob.endedWith("hung_up");
      assert.deepEqual(ada.errors, [], "the page complains");
      const none = await open(t, kind, strict.page("element", closed, { user: wishes.user }));
      await new Element(none).says("You are not signed in for calls.");
    });
  }
});
