import { beforeEach, describe, expect, test } from "vitest";
import "../../src/entry/node.ts";
import { errors } from "../../src/index.ts";
import { connect } from "../../worker/client/node.ts";
import { createApp, type HttpApp } from "../../worker/http/app.ts";
import type { GateOptions } from "../../worker/http/gate.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { checkAnswer } from "./conforms.ts";

let app: HttpApp;
const page = "https://page.test";

async function send(method: string, path: string, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request(`http://localhost${path}`, { method, headers });
  const response = await app.fetch(request);
  if (method !== "OPTIONS") await checkAnswer(request, response);
  return response;
}

function guardedBy(options: GateOptions): void {
  app = createApp(new LocalHost(), options);
}

describe("a token", () => {
  const token = "a long secret";
  beforeEach(() => guardedBy({ token: "s3cret" }));

  test.each(["/v1/openapi.json", "/v1/docs", "/v1/sessions/1", "/v1/none", "/none", "/healthz/", "//healthz"])(
    "is wanted at %s",
    async (path) => {
      const response = await app.fetch(new Request(`http://localhost${path}`));
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainlet"');
      expect(await response.json()).toMatchObject({ type: "urn:trainlet:UnauthenticatedError", status: 401 });
    },
  );

  test("is not wanted at /healthz, and not for a preflight", async () => {
    expect((await send("GET", "/healthz")).status).toBe(200);
    const preflight = { origin: page, "access-control-request-method": "POST" };
    expect((await send("OPTIONS", "/v1/sessions", preflight)).status).toBe(204);
  });

  test.each(["Bearer wrong", "Bearer s3cre", "Bearer s3crett", "Bearer ", "Basic s3cret", "s3cret", "Bearer s3cret x"])(
    "is not %j",
    async (authorization) => {
      const response = await send("GET", "/v1/openapi.json", { authorization });
      expect(response.status).toBe(401);
    },
  );

  test("opens the service, whatever the case of its scheme", async () => {
    for (const authorization of ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret"])
      expect((await send("GET", "/v1/openapi.json", { authorization })).status).toBe(200);
  });

  test("a wrong one is told apart", async () => {
    const response = await send("GET", "/v1/docs", { authorization: `Bearer ${token.replaceAll(" ", "")}` });
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="trainlet", error="invalid_token"');
  });

  test("the client sends it, and knows the refusal", async () => {
    const fetch = (request: Request): Promise<Response> => app.fetch(request);
    const session = await (
      await connect("http://localhost", { fetch, token: "s3cret" })
    ).create({ example: "tutorial" });
    expect((await session.info()).steps).toBe(0);
    for (const token of [undefined, "wrong"]) {
      const refused = (await connect("http://localhost", { fetch, token })).create({ example: "tutorial" });
      await expect(refused).rejects.toThrow(errors.UnauthenticatedError);
    }
  });

  test("an empty one is none", async () => {
    guardedBy({ token: "" });
    expect((await send("GET", "/v1/openapi.json")).status).toBe(200);
  });
});

describe("CORS", () => {
  const allowed = (response: Response): string | null => response.headers.get("access-control-allow-origin");

  test("nobody is allowed unless configured", async () => {
    guardedBy({});
    expect(allowed(await send("GET", "/healthz", { origin: page }))).toBeNull();
    const preflight = { origin: page, "access-control-request-method": "POST" };
    expect(allowed(await send("OPTIONS", "/v1/sessions", preflight))).toBeNull();
  });

  test("a list allows its origins, and no other", async () => {
    guardedBy({ corsOrigins: `https://other.test, ${page}/` });
    const response = await send("GET", "/healthz", { origin: page });
    expect(allowed(response)).toBe(page);
    expect(response.headers.get("vary")).toBe("origin");
    expect(response.headers.get("access-control-expose-headers")).toContain("location");
    for (const origin of ["https://page.test.evil", "http://page.test", "null"]) {
      const refused = await send("GET", "/healthz", { origin });
      expect(allowed(refused)).toBeNull();
      expect(refused.headers.get("vary")).toBe("origin");
    }
  });

  test("* allows all; errors can be read, too", async () => {
    guardedBy({ corsOrigins: "*", token: "s3cret" });
    expect(allowed(await send("GET", "/v1/sessions/1", { origin: page }))).toBe("*");
  });

  test("a preflight says what may be sent", async () => {
    guardedBy({ corsOrigins: "*" });
    const asked = { origin: page, "access-control-request-method": "PUT" };
    const { status, headers } = await send("OPTIONS", "/v1/sessions/1/checkpoint", asked);
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-methods")).toBe("HEAD, POST, GET, DELETE, PUT");
    expect(headers.get("access-control-allow-headers")).toContain("authorization, content-type, accept");
    expect(headers.get("access-control-max-age")).toBe("86400");
  });
});

describe("methods and headers", () => {
  beforeEach(() => guardedBy({}));

  test("OPTIONS tells the methods of a route", async () => {
    const response = await send("OPTIONS", "/v1/sessions/1/run");
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("POST, DELETE, OPTIONS");
    expect((await send("OPTIONS", "/none")).status).toBe(404);
  });

  test("HEAD is GET without a body", async () => {
    const response = await send("HEAD", "/v1/openapi.json");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe("");
    expect((await send("HEAD", "/v1/sessions/1")).status).toBe(404);
  });

  test("nothing is sniffed or kept", async () => {
    for (const path of ["/healthz", "/v1/sessions/1", "/none"]) {
      const { headers } = await send("GET", path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});
