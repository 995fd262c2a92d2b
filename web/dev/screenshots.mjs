// Takes a picture of every state of the gallery: node dev/screenshots.mjs <folder> [name…].
// TANDEM_LANGUAGE=de takes them in another language, TANDEM_WHOLE=1 with what is below the fold.
import { mkdir } from "node:fs/promises";
import { launch, openState, SIZES, serve, stateNames } from "./gallery-browser.mjs";

const whole = process.env.TANDEM_WHOLE !== undefined;
const [folder = "screenshots", ...only] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const vite = await serve();
const browser = await launch();
try {
  const page = await browser.newPage();
  for (const name of await stateNames(page, only)) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const scheme of ["light", "dark"]) {
        await openState(page, name, viewport, scheme, process.env.TANDEM_LANGUAGE);
        await page.screenshot({ path: `${folder}/${name}-${size}-${scheme}.png`, fullPage: whole });
      }
    }
  }
} finally {
  await browser.close();
  await vite.close();
}
