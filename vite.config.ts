// The page: `vite` serves app/, `vite build` writes it to build/app.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";

const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

const pages = ["index", "mnist", "runs", "404"];
const file = (name: string): string => fileURLToPath(new URL(`./app/${name}`, import.meta.url));

/** Puts header.part.html into every page, with the page's own tab marked, so that the header is in the HTML once written. */
function header(): Plugin {
  return {
    name: "header",
    transformIndexHtml: {
      order: "pre",
      handler(html, { path }) {
        const own = path.replace(/(index)?\.html$/, "");
        const part = readFileSync(file("header.part.html"), "utf8");
        const nav = part.replace(/(<nav[^]*<\/nav>)/, (tabs) =>
          tabs.replace(`href="${own}"`, `href="${own}" aria-current="page"`),
        );
        return html.replace("<!-- header -->", nav);
      },
    },
  };
}

export default defineConfig({
  root: "app",
  appType: "mpa",
  plugins: [header()],
  // Asset and worker files stay files: Cloudflare and the content security policy want them so.
  build: {
    outDir: "../build/app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "esnext",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: pages.map((name) => file(`${name}.html`)) },
  },
  worker: { format: "es" },
  optimizeDeps: { include: ["comlink"] },
  server: { headers },
  preview: { headers },
});
