// Takes a picture of every state of the gallery: node dev/screenshots.mjs <folder> [name…]. Needs `npm run dev` on port 5173.
import { mkdir } from "node:fs/promises";
import puppeteer from "puppeteer-core";

const [folder = "screenshots", ...only] = process.argv.slice(2);
const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844, isMobile: true, hasTouch: true },
};
await mkdir(folder, { recursive: true });
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
  ],
});
try {
  const page = await browser.newPage();
  const base = "http://localhost:5173/dev/gallery.html";
  await page.goto(base);
  await page.waitForSelector("#states a");
  const all = await page.$$eval("#states a", (links) => links.map((link) => link.textContent));
  for (const name of all.filter((one) => only.length === 0 || only.includes(one))) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      await page.setViewport(viewport);
      for (const scheme of ["light", "dark"]) {
        await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
        await page.goto(`${base}?show=${name}`);
        await page.waitForSelector("main");
        await page
          .waitForFunction(
            () => [...document.querySelectorAll("video")].every((one) => !one.srcObject || one.videoWidth),
            {
              timeout: 5000,
            },
          )
          .catch(() => {});
        await page.screenshot({ path: `${folder}/${name}-${size}-${scheme}.png` });
      }
    }
  }
} finally {
  await browser.close();
}
