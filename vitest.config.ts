// One `vitest run`, three runtimes: Node, workerd and a headless Chromium.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { findChromium } from "./test/helpers/chromium.ts";
import { mnist } from "./vite.config.ts";

const { executablePath, env, args } = await findChromium();

// Machines differ, and three runtimes run at once.
const timeouts = { testTimeout: 30_000, hookTimeout: 30_000 };

/** Serves test/golden to tests that run where there is no file system. */
async function golden(request: { readonly url: string }): Promise<Response> {
  const path = join("test/golden", decodeURIComponent(new URL(request.url).pathname));
  return readFile(path).then(
    (bytes) => new Response(bytes),
    () => new Response(null, { status: 404 }),
  );
}

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: "node",
          ...timeouts,
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/browser/**", "test/workerd/**"],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { serviceBindings: { GOLDEN: golden } },
          }),
        ],
        test: {
          name: "workerd",
          ...timeouts,
          include: ["test/workerd/**/*.test.ts"],
        },
      },
      {
        // Cross-origin isolation, so that SharedArrayBuffer is there too.
        server: {
          headers: {
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
          },
        },
        plugins: [mnist()],
        optimizeDeps: { include: ["comlink"] },
        worker: { format: "es" },
        test: {
          name: "browser",
          ...timeouts,
          include: ["test/browser/**/*.test.ts"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath, env, args } }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
