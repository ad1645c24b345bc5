/** The OpenAPI document as a page: plain HTML, no script, nothing loaded from anywhere. */
import type { Json, MediaTypes, OpenApi, Operation } from "./openapi.ts";

const style = `
:root { color-scheme: light dark; --bg: #f6f5f1; --surface: #fff; --sunken: #efeee8; --ink: #1a1c1e; --ink-2: #555a5f; --line: #dddbd3; --accent: #0a6b5e; }
@media (prefers-color-scheme: dark) { :root { --bg: #101214; --surface: #181b1e; --sunken: #0c0e10; --ink: #eceeef; --ink-2: #a6adb4; --line: #2c3135; --accent: #4ccdb9; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 960px; padding: 24px; background: var(--bg); color: var(--ink);
  font: 16px/1.5 -apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
code, pre { font: 14px/1.5 ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
pre { background: var(--sunken); border-radius: 6px; padding: 12px; overflow-x: auto; margin: 8px 0; white-space: pre-wrap; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; } h2 { font-size: 20px; margin: 48px 0 16px; } h3 { font-size: 16px; margin: 0 0 4px; overflow-wrap: anywhere; }
h4 { font-size: 14px; margin: 16px 0 4px; color: var(--ink-2); }
p { margin: 4px 0 8px; max-width: 70ch; } nav ul { padding: 0; list-style: none; } nav li { margin: 4px 0; }
a { color: var(--accent); } a:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
article { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; padding: 16px; margin: 0 0 16px; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0; border-top: 1px solid var(--line); font-size: 14px; }
th { font-weight: 600; white-space: nowrap; } .method { color: var(--accent); font-weight: 650; } .quiet { color: var(--ink-2); } summary { cursor: pointer; }
`;

export interface Page {
  readonly html: string;
  /** Its content security policy. */
  readonly policy: string;
}

export async function docsPage(document: OpenApi): Promise<Page> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(style));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  return {
    html: render(document),
    policy: `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  };
}

function render({ info, paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const contents = operations.map(
    ({ path, method, operation }) =>
      `<li><a href="#${operation.operationId}"><code><span class="method">${method}</span> ${escape(path)}</code></a> <span class="quiet">${escape(operation.summary)}</span></li>`,
  );
  const schemas = Object.entries(components.schemas).map(
    ([name, schema]) =>
      `<article id="schema-${name}"><h3><code>${name}</code></h3>${text(schema.description)}<pre>${schemaText(schema)}</pre></article>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(info.title)}: HTTP reference</title><style>${style}</style></head>
<body>
<header><h1>${escape(info.title)} over HTTP</h1><p>${escape(info.description)}</p>
<p class="quiet">Version ${escape(info.version)} · <a href="/v1/openapi.json">openapi.json</a></p></header>
<main>
<nav aria-label="Routes"><h2>Routes</h2><ul>${contents.join("\n")}</ul></nav>
<section><h2>Each route</h2>${operations.map(article).join("\n")}</section>
<section><h2>Schemas</h2>${schemas.join("\n")}</section>
</main>
</body>
</html>
`;
}

function article({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const rows = parameters.map(
    (parameter) =>
      `<tr><th><code>${escape(parameter.name)}</code></th><td>${parameter.in}</td><td>${text(parameter.description)}<code>${schemaText(parameter.schema)}</code></td></tr>`,
  );
  const answers = Object.entries(responses).map(
    ([status, response]) =>
      `<tr><th>${status}</th><td>${text(response.description)}${bodies(response.content)}</td></tr>`,
  );
  return `<article id="${operationId}"><h3><code><span class="method">${method}</span> ${escape(path)}</code></h3>
<p>${escape(summary)}.</p>${text(description)}
${rows.length > 0 ? `<h4>Parameters</h4><table><tbody>${rows.join("")}</tbody></table>` : ""}
${requestBody ? `<h4>Body</h4>${bodies(requestBody.content)}` : ""}
<h4>Answers</h4><table><tbody>${answers.join("")}</tbody></table></article>`;
}

function bodies(content: MediaTypes = {}): string {
  return Object.entries(content)
    .map(
      ([type, { schema }]) =>
        `<div><code>${escape(type)}</code>${schema ? ` <code>${schemaText(schema)}</code>` : ""}</div>`,
    )
    .join("");
}

function text(sentence: unknown): string {
  return typeof sentence === "string" ? `<p>${escape(sentence)}</p>` : "";
}

/** A schema as TypeScript would write the type, with links to those that have a name. */
function schemaText(schema: Json, indent = ""): string {
  const { $ref, anyOf, enum: values, const: constant, type, items, properties, additionalProperties } = schema;
  if (typeof $ref === "string") {
    const name = $ref.split("/").at(-1) ?? "";
    return `<a href="#schema-${name}">${name}</a>`;
  }
  if (Array.isArray(anyOf)) return anyOf.map((item) => schemaText(item as Json, indent)).join(" | ");
  if (Array.isArray(values)) return values.map((value) => escape(JSON.stringify(value))).join(" | ");
  if (constant !== undefined) return escape(JSON.stringify(constant));
  if (type === "array") return `Array&lt;${schemaText((items ?? {}) as Json, indent)}&gt;`;
  if (type !== "object") return escape(String(type ?? "any"));
  const required = new Set((schema.required ?? []) as string[]);
  const inner = `${indent}  `;
  const lines: string[] = [];
  for (const [name, property] of Object.entries((properties ?? {}) as Record<string, Json>)) {
    const { description } = property;
    if (typeof description === "string") lines.push(`${inner}<span class="quiet">// ${escape(description)}</span>`);
    lines.push(`${inner}${escape(name)}${required.has(name) ? "" : "?"}: ${schemaText(property, inner)}`);
  }
  if (typeof additionalProperties === "object" && additionalProperties !== null)
    lines.push(`${inner}[name: string]: ${schemaText(additionalProperties as Json, inner)}`);
  else if (additionalProperties !== false) lines.push(`${inner}…`);
  return lines.length === 0 ? "{}" : `{\n${lines.join("\n")}\n${indent}}`;
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
