/** A Chromium that has fonts: the packed one brings a font, yet a configuration that points elsewhere. */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { findChromium } from "./chromium.ts";

export async function launchWithFonts(): Promise<Browser> {
  const found = await findChromium();
  const env = { ...found.env };
  if (found.executablePath && env.FONTCONFIG_PATH?.startsWith(dirname(found.executablePath))) {
    const folder = join(tmpdir(), `trainlet-fonts-${process.getuid?.() ?? 0}`);
    mkdirSync(folder, { recursive: true });
    env.FONTCONFIG_FILE = join(folder, "fonts.conf");
    const folders = ["/usr/share/fonts", env.FONTCONFIG_PATH].map((path) => `<dir>${path}</dir>`).join("");
    const aliases = [
      alias("sans-serif", ["Liberation Sans", "DejaVu Sans", "Open Sans"]),
      alias("Arial", ["Liberation Sans", "DejaVu Sans", "Open Sans"]),
      alias("monospace", ["Liberation Mono", "DejaVu Sans Mono", "Open Sans"]),
    ].join("");
    const file = `<?xml version="1.0"?><fontconfig>${folders}<cachedir>${folder}</cachedir>${aliases}</fontconfig>`;
    writeFileSync(env.FONTCONFIG_FILE, file);
  }
  return chromium.launch({ ...found, env });
}

function alias(family: string, preferred: readonly string[]): string {
  const families = preferred.map((name) => `<family>${name}</family>`).join("");
  return `<alias binding="same"><family>${family}</family><prefer>${families}</prefer></alias>`;
}
