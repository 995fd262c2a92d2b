// Looks for barriers in every state of the gallery with axe-core: node dev/axe.mjs [--all] [name…].
// Each state on a desktop in light colours and on a phone in dark ones; --all: each size in both.
// Leaves with 1 if there is anything serious or critical.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, openState, SIZES, serve, stateNames } from "./gallery-browser.mjs";

const GRAVE = ["serious", "critical"];
const SCHEMES = { desktop: "light", phone: "dark" };

const names = process.argv.slice(2).filter((word) => word !== "--all");
const all = process.argv.includes("--all");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Each looks at one state after the other in a browser of its own, since a page in the background waits. */
const LOOKERS = 2;

const vite = await serve();
const browsers = await Promise.all(Array.from({ length: LOOKERS }, launch));
let grave = 0;
let looked = 0;

async function look(browser, name) {
  // One page for all would get slower with each state, and once hung.
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const scheme of all ? ["light", "dark"] : [SCHEMES[size]]) {
      await openState(page, name, viewport, scheme);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document));
      looked += 1;
      for (const { id, impact, help, nodes } of violations) {
        if (GRAVE.includes(impact)) grave += 1;
        const places = nodes.map((node) => `  ${node.target.join(" ")}\n    ${node.failureSummary?.split("\n")[1]}`);
        console.log([`${name} ${size} ${scheme}: ${impact}: ${id}: ${help}`, ...places].join("\n"));
      }
    }
  }
  await page.close();
}

try {
  const left = await stateNames(await browsers[0].newPage(), names);
  const lookers = browsers.map(async (browser) => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) await look(browser, name);
  });
  await Promise.all(lookers);
} finally {
  await Promise.all(browsers.map((browser) => browser.close()));
  await vite.close();
}
console.log(`${looked} pages, ${grave} serious or critical findings`);
process.exitCode = grave > 0 ? 1 : 0;
