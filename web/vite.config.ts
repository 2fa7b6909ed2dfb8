import { defineConfig } from "vite";

// The gateway serves everything itself under a policy without `unsafe-inline`: nothing is inlined.
export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
  },
  // `npm run dev` has the page reload as it is written, before a gateway of `cargo run -- dev`.
  server: {
    proxy: {
      "/socket.io": { target: "http://127.0.0.1:3000", ws: true },
      "/site.json": "http://127.0.0.1:3000",
      // It answers its own page only, which this one is not.
      "/dev": { target: "http://127.0.0.1:3000", headers: { origin: "http://127.0.0.1:3000" }, changeOrigin: true },
    },
  },
});
