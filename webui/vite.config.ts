import { fileURLToPath, URL } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

/** Where `vite dev` finds a running server for everything that is not the front end. */
const server = process.env.PYMAILCORE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [vue(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  define: { __VUE_OPTIONS_API__: "false" },
  build: {
    outDir: fileURLToPath(new URL("../src/pymailcore/web/static", import.meta.url)),
    emptyOutDir: true,
    target: ["chrome120", "firefox121", "safari17.4"],
    // No inline scripts, styles or data: addresses in the page: its CSP forbids them.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(
      ["/jmap", "/.well-known/jmap", "/view", "/login", "/logout"].map((path) => [path, { target: server }]),
    ),
  },
  test: {
    environment: "happy-dom",
    include: ["tests/**/*.test.ts"],
    restoreMocks: true,
  },
});
