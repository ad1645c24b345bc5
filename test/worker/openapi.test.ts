import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import "../../src/entry/node.ts";
import packageJson from "../../package.json" with { type: "json" };
import { createApp } from "../../worker/http/app.ts";
import { openApi } from "../../worker/http/openapi.ts";
import { feedFromJson } from "../../worker/http/json.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { version } from "../../worker/version.ts";
import { fits } from "./conforms.ts";

const app = createApp(new LocalHost(), {});

async function get(path: string): Promise<Response> {
  return app.fetch(new Request(`http://localhost${path}`));
}

test("the document is valid OpenAPI 3.1", async () => {
  const document = (await (await get("/v1/openapi.json")).json()) as Record<string, unknown>;
  const validator = new Validator();
  expect(await validator.validate(document)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  expect(document).toEqual(JSON.parse(JSON.stringify(openApi())));
});

test("every route of the app is in the document, and the other way round", () => {
  const described = Object.entries(openApi().paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const registered = app.routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
  expect([...new Set(registered)].sort()).toEqual(described.sort());
});

test("its version, and that of /healthz, is the package's", async () => {
  expect(version).toBe(packageJson.version);
  expect(await (await get("/healthz")).json()).toEqual({ status: "ok", version });
});

test("a schema has every reference that is made to it", () => {
  const { schemas } = openApi().components;
  const named = [...JSON.stringify(openApi()).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  expect(Object.keys(schemas)).toEqual(expect.arrayContaining([...new Set(named)]));
});

test.each([
  1,
  true,
  "NaN",
  "-5",
  [
    [1, 2],
    [3, 4],
  ],
  [],
  { data: [1, 2] },
  { dtype: "int64", shape: [1], data: ["7"] },
  { dtype: "bool", data: true },
])("a feed that is read fits its schema: %j", (json) => {
  expect(() => feedFromJson(json, "x")).not.toThrow();
  expect(fits("Feed", json)).toBe(true);
});

test.each([null, "seven", {}, { data: null }, { data: [1], shape: "1" }, { data: [1], type: "int32" }, [[null]]])(
  "a feed that is refused does not: %j",
  (json) => {
    expect(() => feedFromJson(json, "x")).toThrow("must be");
    expect(fits("Feed", json)).toBe(false);
  },
);

test("the page shows each route and schema, and loads nothing", async () => {
  const response = await get("/v1/docs");
  expect(response.headers.get("content-type")).toMatch("text/html");
  expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'/);
  const html = await response.text();
  for (const [path, methods] of Object.entries(openApi().paths))
    for (const { operationId, summary } of Object.values(methods)) {
      expect(html).toContain(`id="${operationId}"`);
      expect(html).toContain(path);
      expect(html).toContain(summary);
    }
  for (const name of Object.keys(openApi().components.schemas)) expect(html).toContain(`id="schema-${name}"`);
  expect(html).not.toMatch(/<script|<link|<img|src=|style=|https?:/);
  const targets = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  for (const id of targets) expect(html).toContain(`id="${id}"`);
});
