import { expect, it } from "vitest";
import { sentenceFor, textsFor } from "./texts";

it("speaks the first language that there is", () => {
  expect(textsFor(["de-AT", "en"]).answer).toBe("Annehmen");
  expect(textsFor(["is", "fr"]).answer).toBe("Répondre");
  expect(textsFor([]).answer).toBe("Answer");
});

it("has words for every end", () => {
  const texts = textsFor(["en"]);
  expect(sentenceFor(texts, "camera_denied")).toBe(texts.denied);
  expect(sentenceFor(texts, "hung_up")).toBe(texts.ended);
  expect(sentenceFor(texts, "busy")).toBe("The line is busy.");
  expect(sentenceFor(texts, "constructor")).toBe(texts.failed);
  expect(sentenceFor(texts, "something_new")).toBe(texts.failed);
});
