// A browser that looks at the gallery, for the scripts beside it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import puppeteer from "puppeteer-core";
import { build, preview } from "vite";

/** For a busy machine: Vite looks through everything at the first page. */
const PATIENCE_MS = 120_000;

let gallery = "";

/** Builds the gallery, whose hundreds of files would be fetched for each state else, and serves it on a free port; close() ends it. */
export async function serve() {
  const outDir = mkdtempSync(join(tmpdir(), "tandem-gallery-"));
  const bundle = {
    outDir,
    emptyOutDir: true,
    reportCompressedSize: false,
    rollupOptions: { input: "dev/gallery.html" },
  };
  await build({ build: bundle, logLevel: "warn" });
  const served = await preview({ build: { outDir }, preview: { port: 0, strictPort: true }, logLevel: "warn" });
  gallery = `http://localhost:${served.httpServer.address().port}/dev/gallery.html`;
  return {
    close: async () => {
      await served.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

export const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844, isMobile: true, hasTouch: true },
};

export function launch() {
  return puppeteer.launch({
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
}

/** The names of all states, or those of `only` that there are. */
export async function stateNames(page, only) {
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(gallery);
  await page.waitForSelector("#states a");
  const all = await page.$$eval("#states a", (links) => links.map((link) => link.textContent));
  return all.filter((one) => only.length === 0 || only.includes(one));
}

/** Shows one state, and waits until its videos have a picture. */
export async function openState(page, name, viewport, scheme, language = "en") {
  await page.setViewport(viewport);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(`${gallery}?show=${name}&language=${language}`);
  await page.waitForSelector("main");
  const dialogs = /^(devices|check|room-add|help)|-forget$|-past_chat$|-dialog$/;
  if (dialogs.test(name)) await page.waitForSelector("dialog[open]");
  const moving = () =>
    [...document.querySelectorAll("video")].every(
      (one) => (!one.srcObject || one.videoWidth) && !document.querySelector("[data-opening]"),
    );
  await page.waitForFunction(moving, { timeout: 5000 }).catch(() => {});
}
