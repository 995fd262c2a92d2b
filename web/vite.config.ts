import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

const server = process.env.TANDEM_SERVER ?? "http://localhost:8443";

export default defineConfig({
  plugins: [preact()],
  base: "/",
  build: {
    target: "es2022",
    sourcemap: false,
    // Inlined fonts or scripts would break the strict content security policy; images may be data: URLs, but files cache better.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["index.html", "admin.html"] },
  },
  // The stories in e2e/ are for real browsers and have a runner of their own.
  test: { include: ["src/**/*.test.ts"] },
  server: {
    // `npm run dev` against a running Tandem: the page from Vite with reload, the signaling from the binary.
    proxy: { "/ws": { target: server, ws: true } },
  },
});
