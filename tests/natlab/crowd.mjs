// Who is at which node in the laboratory of nodes, and what each of them notices.

import { setTimeout as sleep } from "node:timers/promises";

import { SMALL_CAMERA } from "../../web/e2e/support/camera.mjs";
import { gapsOf, watchGaps } from "../../web/e2e/support/gaps.mjs";
import { until } from "../../web/e2e/support/person.mjs";
import { gets, joinBy, makeLink, participantId } from "../../web/e2e/support/room.mjs";
import { roomGaps, watchRoom } from "../../web/e2e/support/room-gaps.mjs";

/** Where the load balancer keeps each. Eve and Finn have the control call, which is to notice nothing of all that is done. */
const PLACES = { ada: "a", bob: "b", cy: "c", dora: "c", gus: "b", eve: "c", finn: "c" };
/** How long somebody waits for a call to ring or to be refused. */
const OUTCOME_WITHIN_MS = 15_000;

/** Runs in the page: counts how often it begins to ring there. */
function countRings() {
  window.__rings = 0;
  let ringing = false;
  new MutationObserver(() => {
    const rings = document.querySelector('[data-testid="incoming"]') !== null;
    if (rings && !ringing) window.__rings += 1;
    ringing = rings;
  }).observe(document, { subtree: true, childList: true });
}

export const ringsOf = (person) => person.page.evaluate(() => window.__rings);

/** What came and went on the websockets of this page, as lines with the time; of pings nothing. Chromium alone tells. */
async function listen(person, kind) {
  person.heard = [];
  if (kind !== "chromium") return;
  const protocol = await person.page.createCDPSession();
  const note = (text) => person.heard.push(`${new Date().toISOString()} ${text}`);
  const frame = (direction, { requestId, response }) => {
    const { type } = JSON.parse(response.payloadData);
    if (!["ping", "pong"].includes(type)) note(`${requestId} ${direction} ${type}`);
  };
  for (const [event, tell] of Object.entries({
    webSocketCreated: ({ requestId }) => note(`${requestId} is made`),
    webSocketHandshakeResponseReceived: ({ requestId }) => note(`${requestId} is open`),
    webSocketFrameSent: (sent) => frame("->", sent),
    webSocketFrameReceived: (received) => frame("<-", received),
    webSocketFrameError: ({ requestId, errorMessage }) => note(`${requestId} ${errorMessage}`),
    webSocketClosed: ({ requestId }) => note(`${requestId} is closed`),
  })) {
    protocol.on(`Network.${event}`, tell);
  }
  await protocol.send("Network.enable");
}

export class Crowd {
  static async open(lab, kind) {
    const crowd = new Crowd();
    Object.assign(crowd, { lab, kind });
    crowd.people = await Promise.all(Object.entries(PLACES).map(([name, place]) => crowd.comes(name, place)));
    for (const person of crowd.people) crowd[person.name] = person;
    crowd.control = [crowd.eve, crowd.finn];
    return crowd;
  }

  async comes(name, place, network = "open") {
    const { lab, kind } = this;
    lab.server.keep(lab.network.client(name, network), place);
    const person = await lab.person(kind, name, network, { cameraSize: SMALL_CAMERA });
    person.name = name;
    // What people wait for in vain is said with it.
    person.kind = `${name}'s ${kind}`;
    person.userId = await person.id();
    await listen(person, kind);
    // Once for this page, and once for each that is loaded later.
    await person.page.evaluate(countRings);
    await person.page.evaluateOnNewDocument(countRings);
    return person;
  }
}

/** Leaves what is shown for the home page, without loading it anew: that would forget how often it rang. */
export async function goHome(person) {
  if (await person.has("back-home")) await person.click("back-home");
  await person.sees("call-input");
  await person.online();
}

/** From the home pages into a call on this path in which both see and hear. */
export async function talk(caller, callee, path = "direct") {
  await Promise.all([caller, callee].map(goHome));
  await caller.setAlwaysThroughServer(path === "forwarded");
  await caller.call(callee.userId);
  await callee.sees("incoming");
  await callee.click("answer");
  await goesOn([caller, callee], path);
}

/** Both see and hear, and show this path. */
export function goesOn(people, path) {
  return Promise.all(
    people.map(async (person) => {
      await person.seesAndHears();
      await person.onPath(path);
    }),
  );
}

export async function hangUp(by, ...others) {
  await by.click("hang-up");
  for (const one of [by, ...others]) {
    await one.endedWith("hung_up");
    await goHome(one);
  }
}

/** Calls, and gives what comes of it, "rings" or why not in the page's words, and after how many seconds. */
export async function attempt(caller, callee) {
  await goHome(caller);
  await caller.dial(callee.userId);
  const began = Date.now();
  await caller.click("call");
  const outcome = await until(
    `${caller.name}'s call rings at ${callee.name}, or not`,
    async () => {
      if (await callee.has("incoming")) return "rings";
      if (await caller.has("cancel")) return false;
      return (await caller.data("problem", "code")) ?? caller.data("ended", "reason");
    },
    OUTCOME_WITHIN_MS,
  );
  return { outcome, seconds: (Date.now() - began) / 1000 };
}

/** The same, after which nothing rings any more. */
export async function knock(caller, callee) {
  const tried = await attempt(caller, callee);
  if (tried.outcome === "rings") {
    await caller.click("cancel");
    await callee.loses("incoming");
    await goHome(callee);
  }
  await goHome(caller);
  return tried;
}

/** Calls again and again until it is answered, and both see and hear. */
export async function reach(caller, callee) {
  const refused = [];
  for (;;) {
    const tried = await attempt(caller, callee);
    if (tried.outcome === "rings") break;
    refused.push(tried);
    await sleep(100);
  }
  await callee.click("answer");
  await Promise.all([caller.seesAndHears(), callee.seesAndHears()]);
  return refused;
}

/** Each writes, and the other reads it. */
export async function chat(people) {
  const read = (person) =>
    person.page.$$eval('[data-testid="message"] .message-text', (all) => all.map((one) => one.textContent));
  for (const person of people) {
    await person.click("chat");
    await person.sees("chat-input");
  }
  for (const person of people) {
    await person.type("chat-input", `${person.name} was here`);
    await person.page.keyboard.press("Enter");
    for (const one of people) {
      await until(`${one.name} reads what ${person.name} wrote`, async () =>
        (await read(one)).includes(`${person.name} was here`),
      );
    }
  }
  for (const person of people) await person.click("chat");
}

async function viewOf(person) {
  if (await person.has("hang-up")) return "in the call";
  const reason = await person.data("ended", "reason");
  return reason ? `told ${reason}` : "neither in the call nor at its end";
}

/** A room by a link, with people in it who watch what they get of each other. */
export class Gathering {
  static async make(maker, people, name) {
    const gathering = new Gathering();
    gathering.people = people;
    gathering.ids = [];
    gathering.link = await makeLink(maker, { name });
    // The first finds it, the others come at once.
    await gathering.enters(people[0]);
    await Promise.all(people.slice(1).map((person) => gathering.enters(person)));
    await gathering.isWhole();
    return gathering;
  }

  async enters(person) {
    await joinBy(person, this.link);
    await person.sees("hang-up");
    this.ids[this.people.indexOf(person)] = await participantId(person);
  }

  /** Waits until everybody gets everybody's picture and voice, as the participants that they were. */
  async isWhole(patience) {
    const getsAll = async (person, i) => {
      const keys = this.ids.filter((_, j) => j !== i).flatMap((id) => [`${id}/camera`, `${id}/microphone`]);
      try {
        await gets(person, keys, patience);
      } catch (error) {
        const views = await Promise.all(this.people.map(async (one) => `${one.name} is ${await viewOf(one)}`));
        throw new Error(this.namesIn(`${views.join(", ")}; ${person.name}: ${error.message}`));
      }
    };
    await Promise.all(this.people.map(getsAll));
    const now = await Promise.all(this.people.map(participantId));
    if (now.join() !== this.ids.join()) throw new Error("somebody is in the room as another participant");
  }

  /** Participants by the names of people. */
  namesIn(text) {
    return this.people.reduce((text, { name }, i) => text.replaceAll(this.ids[i], name), text);
  }

  watch() {
    return Promise.all(this.people.map(watchRoom));
  }

  /** The longest time in milliseconds that anybody saw no picture of somebody, or heard nothing. */
  async gaps() {
    const all = (await Promise.all(this.people.map((person) => roomGaps(person)))).flatMap(Object.entries);
    const worst = (kind) => Math.max(0, ...all.filter(([key]) => key.endsWith(kind)).map(([, { gap }]) => gap));
    return { video: worst("/camera"), audio: worst("/microphone") };
  }

  async leave() {
    for (const person of this.people) {
      await person.click("hang-up");
      await person.loses("hang-up");
      await goHome(person);
    }
  }
}

export const watch = (people) => Promise.all(people.map(watchGaps));

/** The longest gaps of people in a call, in milliseconds. */
export async function worstGaps(people) {
  const gaps = await Promise.all(people.map(gapsOf));
  return { video: Math.max(...gaps.map(({ video }) => video)), audio: Math.max(...gaps.map(({ audio }) => audio)) };
}
