// Writes the types of the client library, a file for each of its modules: node scripts/declare.mjs <folder>
// TypeScript emits them a file for each source. What an application can reach of them is put together here, and nothing else.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize, relative } from "node:path";

const ENTRIES = { tandem: "index", element: "element/index" };

const DECLARED = /^(export )?(declare )?((?:abstract )?(?:class|interface|type|const|function)) (\w+)/;
const IMPORTED = /^(?:import|export) (?:type )?\{([\s\S]*)\} from "(.*)"/;
const EXPORTED = /^export (?:type )?\{([\s\S]*)\}/;
const COMMENT = /^\/\*\*[\s\S]*?\*\/\s*/;

/** The top-level statements of a file, each with the comment before it. */
function statements(text) {
  const found = [];
  let [now, depth] = ["", 0];
  for (const line of text.split("\n")) {
    now += `${line}\n`;
    if (/^\s*\/?\*/.test(line)) continue;
    const code = line.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\/\*.*?\*\/|\/\/.*$/g, "");
    for (const sign of code) depth += "{([".includes(sign) ? 1 : "})]".includes(sign) ? -1 : 0;
    if (depth !== 0 || !/[;}]\s*$/.test(code)) continue;
    found.push(now.trim());
    now = "";
  }
  return found;
}

/** `{ a, type b as c }` as [[a, a], [b, c]]: the name there, and here. */
function names(list) {
  const each = list.split(",").map((one) => one.replace(/\btype\b/, "").trim());
  return each.filter(Boolean).map((one) => [one.split(" as ")[0].trim(), one.split(" as ").at(-1).trim()]);
}

/** One file: what it declares, and where what it takes from others is declared. */
function read(module, text) {
  const file = { declared: new Map(), from: new Map(), exported: [], global: [] };
  for (const statement of statements(text)) {
    const code = statement.replace(COMMENT, "");
    const [, list, path] = IMPORTED.exec(code) ?? [];
    if (list !== undefined) {
      for (const [there, here] of names(list)) file.from.set(here, [normalize(join(dirname(module), path)), there]);
    }
    if (code.startsWith("declare global")) file.global.push(statement);
    if (EXPORTED.test(code)) file.exported.push(...names(EXPORTED.exec(code)[1]).map(([, name]) => name));
    const [, isExported, , kind, name] = DECLARED.exec(code) ?? [];
    if (name === undefined) continue;
    if (isExported !== undefined) file.exported.push(name);
    const comment = COMMENT.exec(statement)?.[0] ?? "";
    const prefix = kind === "interface" || kind === "type" ? "" : "declare ";
    file.declared.set(name, comment + prefix + code.replace(/^(export )?(declare )?/, ""));
  }
  return file;
}

/** What a declaration speaks of: names of types begin with a capital. */
function words(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/"(?:[^"\\]|\\.)*"/g, "");
  return code.match(/\b[A-Z]\w*/g) ?? [];
}

/** Where a name that stands in a module is declared; null: it is none of ours. */
function place(files, module, name) {
  const file = files.get(module);
  if (file === undefined || file.declared.has(name)) return file && [module, name];
  const from = file.from.get(name);
  return from === undefined ? null : place(files, ...from);
}

/** All that these names of a module come to, themselves first: declarations by their names. */
function reach(files, module, wanted, known) {
  const found = new Map();
  const queue = wanted.map((name) => place(files, module, name));
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (next === null) continue;
    const [at, name] = next;
    const text = files.get(at).declared.get(name);
    if (known.get(name) === text || found.get(name) === text) continue;
    if (found.has(name)) throw new Error(`two types that the library gives to applications are called ${name}`);
    found.set(name, text);
    for (const word of words(text)) if (word !== name) queue.push(place(files, at, word));
  }
  return found;
}

function write(folder, name, files, tandem) {
  const module = ENTRIES[name];
  const { exported } = files.get(module);
  const found = reach(files, module, exported, tandem);
  for (const one of exported)
    if (!found.has(one)) throw new Error(`${module} exports ${one}, which is declared nowhere`);
  const used = new Set([...found.values()].flatMap(words));
  const imported = [...tandem.keys()].filter((one) => used.has(one));
  const parts = [
    "// The types of the client library that this server has: docs/sdk.md.",
    ...(imported.length > 0 ? [`import type { ${imported.join(", ")} } from "./tandem.js";`] : []),
    ...found.values(),
    ...files.get(module).global,
    `export { ${exported.toSorted().join(", ")} };`,
  ];
  writeFileSync(join(folder, `${name}.d.ts`), `${parts.join("\n\n")}\n`);
  return new Map([...found].filter(([one]) => exported.includes(one)));
}

function* paths(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* paths(path);
    else yield path;
  }
}

const BY_THEMSELVES =
  "--ignoreConfig --noEmit --strict --target es2022 --module esnext --moduleResolution bundler".split(" ");
const TYPESCRIPT = "node_modules/typescript/bin/tsc";
const typescript = (...options) =>
  execFileSync(process.execPath, [TYPESCRIPT, ...options], { stdio: ["ignore", "inherit", "inherit"] });

const [, , folder] = process.argv;
const emitted = mkdtempSync(join(tmpdir(), "tandem-types-"));
try {
  typescript("-p", "tsconfig.sdk.json", "--outDir", emitted);
  const files = new Map();
  for (const path of paths(emitted)) {
    const module = relative(emitted, path).replace(/\.d\.ts$/, "");
    files.set(module, read(module, readFileSync(path, "utf8")));
  }
  const tandem = write(folder, "tandem", files, new Map());
  write(folder, "element", files, tandem);
  // They have to stand by themselves, as they do at an application.
  const written = Object.keys(ENTRIES).map((name) => join(folder, `${name}.d.ts`));
  typescript(...BY_THEMSELVES, ...written);
} finally {
  rmSync(emitted, { recursive: true });
}
