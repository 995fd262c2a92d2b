import { execFileSync } from "node:child_process";
import { defineConfig, type Plugin } from "vite";

/** The element is made of the library: of the module beside it, and not of another copy. */
function besideTheLibrary(): Plugin {
  return {
    name: "beside-the-library",
    enforce: "pre",
    resolveId(source, importer) {
      const isLibrary = source === "../index" && importer?.includes("/sdk/element/");
      return isLibrary ? { id: "./tandem.js", external: true } : null;
    },
  };
}

/** TypeScript's types beside the modules. */
function declarations(): Plugin {
  let folder = "";
  return {
    name: "declarations",
    configResolved({ build }) {
      folder = build.outDir;
    },
    closeBundle() {
      execFileSync(process.execPath, ["scripts/declare.mjs", folder], { stdio: "inherit" });
    },
  };
}

/** The client library: modules of stable names, which pages of other origins load from the server. docs/sdk.md tells of them. */
export default defineConfig({
  plugins: [besideTheLibrary(), declarations()],
  // Icons and manifest belong to the page.
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    modulePreload: false,
    rollupOptions: {
      input: { tandem: "src/sdk/index.ts", element: "src/sdk/element/index.ts" },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js" },
    },
  },
});
