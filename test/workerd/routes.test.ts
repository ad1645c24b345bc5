import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";

const fetch = (path: string, init?: RequestInit): Promise<Response> =>
  exports.default.fetch(new Request(`https://trainlet.test${path}`, init));

async function problemOf(response: Response): Promise<{ type: string; status: number; detail: string }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return response.json();
}

test("a session is created at the address of its Location", async () => {
  const created = await fetch("/v1/sessions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ example: "tutorial" }),
  });
  expect(created.status).toBe(201);
  const { id } = await created.json<{ id: string }>();
  expect(created.headers.get("location")).toBe(`/v1/sessions/${id}`);
  const found = await fetch(`/v1/sessions/${id}`);
  expect(found.status).toBe(200);
  expect(await found.json()).toMatchObject({ id, steps: 0 });
  const deleted = await fetch(`/v1/sessions/${id}`, { method: "DELETE" });
  expect(deleted.status).toBe(204);
  await deleted.arrayBuffer();
  expect(await problemOf(await fetch(`/v1/sessions/${id}`))).toMatchObject({ status: 404 });
});

test("a refused graph leaves no session", async () => {
  const response = await fetch("/v1/sessions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  expect(await problemOf(response)).toMatchObject({ status: 400, type: "urn:trainlet:InvalidArgumentError" });
});

test.each([
  ["an id of another form", "/v1/sessions/1", "GET", 404],
  ["an id that is no text", "/v1/sessions/%ff", "GET", 404],
  ["an id of no session", `/v1/sessions/${"0".repeat(64)}`, "GET", 404],
  ["an unknown route", "/v1/nothing", "GET", 404],
  ["the root", "/", "GET", 404],
  ["a wrong method on sessions", "/v1/sessions", "GET", 405],
])("%s: %s %s is %d", async (_what, path, method, status) => {
  expect(await problemOf(await fetch(path, { method }))).toMatchObject({ status });
});
