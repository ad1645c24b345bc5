// The page: `vite` serves app/, `vite build` writes it to build/app.
import { defineConfig } from "vite";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  root: "app",
  // Asset and worker files stay files: Cloudflare and the content security policy want them so.
  build: { outDir: "../build/app", emptyOutDir: true, assetsInlineLimit: 0, target: "esnext" },
  worker: { format: "es" },
  optimizeDeps: { include: ["comlink"] },
  server: { headers },
  preview: { headers },
});
