import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { docs, withOutputs } from "../../scripts/httpDocs.ts";
import { openApi } from "../../worker/http/openapi.ts";

const text = readFileSync(docs, "utf8");

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"]);
    return true;
  } catch {
    return false;
  }
}

// Without curl (or on Windows, without bash) there is nothing that could run the page's commands.
test.runIf(hasCurl() && process.platform !== "win32")(
  "the commands of docs/http.md print what stands there",
  { timeout: 120_000 },
  async () => {
    expect(await withOutputs(text)).toBe(text);
  },
);

test("every route is on the page", () => {
  for (const [path, methods] of Object.entries(openApi().paths))
    for (const method of Object.keys(methods)) expect(text).toContain(`${method.toUpperCase()} ${path}`);
});

test("every status that a route may refuse with is on the page", () => {
  const statuses = Object.values(openApi().paths).flatMap((methods) =>
    Object.values(methods).flatMap(({ responses }) => Object.keys(responses)),
  );
  for (const status of new Set(statuses.filter((each) => each.startsWith("4")))) expect(text).toContain(`| ${status} `);
});
