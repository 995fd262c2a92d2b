// What people do and see in a room of several.

import { until } from "./person.mjs";

/** Rings somebody into the call that is going on. */
export async function invite(person, id) {
  await person.click("add-person");
  await person.type("invite-input", id);
  await person.click("invite");
  await person.page.keyboard.press("Escape");
  await person.loses("add-dialog");
}

/** As what a person is in the room, from when they are in it. */
export const participantId = (person) =>
  until(`${person.kind} is in the room`, () => person.page.evaluate(() => window.__oracle.me()));

const tracksOf = (person) => person.page.evaluate(() => window.__oracle.tracks());

/** The tiles of others: `participant/source`, those whose picture is shown. */
export const tilesOf = (person) =>
  person.page.$$eval('[data-testid="tile"]', (all) =>
    all
      .filter((tile) => {
        const video = tile.querySelector("video:not(.mirror)");
        return video !== null && !video.classList.contains("invisible") && video.videoWidth > 0;
      })
      .map((tile) => `${tile.dataset.participant}/${tile.dataset.source}`)
      .sort(),
  );

/**
 * Waits until this person gets these tracks, named `participant/source`: pictures are decoded and shown in a tile, sound has energy. A
 * muted microphone is not named.
 */
export async function gets(person, keys, patience) {
  const before = await tracksOf(person);
  let missing = keys;
  await until(
    `${person.kind} gets ${keys.length} tracks`,
    async () => {
      const [now, tiles] = [await tracksOf(person), await tilesOf(person)];
      missing = keys.filter((key) => {
        const isPicture = /\/(camera|screen)$/.test(key);
        // A connection that was closed is not counted any more: less than before is media of another one.
        const was = (now[key] ?? 0) < (before[key] ?? 0) ? 0 : (before[key] ?? 0);
        return !((now[key] ?? 0) > was + (isPicture ? 2 : 0)) || (isPicture && !tiles.includes(key));
      });
      if (missing.length > 0) throw new Error(`missing ${missing}; got ${JSON.stringify(now)}, tiles ${tiles}`);
      return true;
    },
    patience,
  );
}

/** Makes a link on the home page, and gives its path. */
export async function makeLink(person, { name, passphrase, lobby = false }) {
  await person.goHome();
  await person.type("room-name", name);
  if (passphrase !== undefined || lobby) await person.click("link-options");
  if (passphrase !== undefined) await person.type("room-passphrase", passphrase);
  if (lobby) await person.click("room-lobby");
  await person.click("create-room");
  await person.sees("room-link");
  const url = await person.text("room-link");
  return new URL(url).pathname;
}

/** Goes to the door of a room, unless it is there already, and knocks. */
export async function joinBy(person, link, passphrase) {
  if (new URL(person.page.url()).pathname !== link || !(await person.has("join-room"))) {
    await person.page.goto(new URL(link, person.page.url()).href);
  }
  await person.sees("join-room");
  if (passphrase !== undefined) await person.type("passphrase", passphrase);
  await person.click("join-room");
}
