// Draws the PNG icons in public/ from favicon.svg with Chromium: node dev/icons.mjs. Run it when the SVG changes.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch } from "./gallery-browser.mjs";

const folder = fileURLToPath(new URL("../public/", import.meta.url));
const svg = readFileSync(`${folder}favicon.svg`, "utf8");
const BACKGROUND = "#2457d6";

/**
 * A maskable icon is cut to any shape, so its colour goes to the edges and its picture keeps within the inner 80 %
 * (W3C Web App Manifest, section "Icon masks and safe zone"). iOS fills what is transparent with black.
 */
const ICONS = [
  { file: "icon-192.png", size: 192, inner: 1, background: "transparent" },
  { file: "icon-512.png", size: 512, inner: 1, background: "transparent" },
  { file: "icon-maskable-512.png", size: 512, inner: 0.8, background: BACKGROUND },
  { file: "apple-touch-icon.png", size: 180, inner: 0.9, background: BACKGROUND },
];

const browser = await launch();
try {
  const page = await browser.newPage();
  for (const { file, size, inner, background } of ICONS) {
    await page.setViewport({ width: size, height: size });
    const edge = size * inner;
    await page.setContent(
      `<style>body{margin:0;height:100vh;display:grid;place-items:center;background:${background}}svg{width:${edge}px;height:${edge}px}</style>${svg}`,
    );
    await page.screenshot({ path: `${folder}${file}`, omitBackground: true });
  }
} finally {
  await browser.close();
}
