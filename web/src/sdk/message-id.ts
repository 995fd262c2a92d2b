/** Ids of messages, drawn by the page, so that a message may be sent again and is there once. */

import { DIGITS } from "./user-id";

/** 60 random bits; the first digit of 65 stays 0. */
const RANDOM_DIGITS = 12;

export function newMessageId(
  random: (bytes: Uint8Array<ArrayBuffer>) => void = (bytes) => crypto.getRandomValues(bytes),
): string {
  const bytes = new Uint8Array(RANDOM_DIGITS);
  random(bytes);
  return `0${[...bytes].map((byte) => DIGITS[byte & 31]).join("")}`;
}
