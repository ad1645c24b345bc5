/** Holds answers against the OpenAPI document: the status is listed, the content type too, and the body fits its schema. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { openApi, type Operation } from "../../worker/http/openapi.ts";

const document = openApi();
const ajv = new Ajv2020({ strict: false });
ajv.addSchema({ $id: "openapi", components: document.components });
const validators = new Map<string, ValidateFunction>();

/** Throws unless the answer is as the document says. */
export async function checkAnswer(request: Request, response: Response): Promise<void> {
  const wrong = await mismatch(request, response);
  if (wrong !== null) throw new Error(`Not as the OpenAPI document says: ${wrong}`);
}

/** What is wrong with an answer. 405 and OPTIONS are no operation's. */
async function mismatch(request: Request, response: Response): Promise<string | null> {
  const path = new URL(request.url).pathname;
  const method = request.method === "HEAD" ? "get" : request.method.toLowerCase();
  const [template, methods] = Object.entries(document.paths).find(([each]) => matches(each, path)) ?? [];
  const operation = template === undefined ? undefined : methods?.[method];
  const where = `${request.method} ${path} → ${response.status}`;
  if (!operation) return [204, 404, 405].includes(response.status) ? null : `${where}: no such operation`;
  if (response.status === 500) return null;
  const answer = operation.responses[response.status];
  if (!answer) return `${where}: the status is not listed`;
  if (request.method === "HEAD") return null;
  const type = response.headers.get("content-type")?.split(";")[0];
  const content = answer.content ?? {};
  if (type === undefined) return Object.keys(content).length === 0 ? null : `${where}: no content type`;
  if (!Object.hasOwn(content, type)) return `${where}: ${type} is not listed`;
  const validate = validatorOf(operation, response.status, type);
  if (!validate) return null;
  return validate(await response.clone().json()) ? null : `${where}: ${ajv.errorsText(validate.errors)}`;
}

function matches(template: string, path: string): boolean {
  const pattern = template.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${pattern}$`).test(path);
}

/** Whether `value` fits the schema of that name. */
export function fits(name: string, value: unknown): boolean {
  return ajv.validate({ $ref: `openapi#/components/schemas/${name}` }, value);
}

function validatorOf({ operationId, responses }: Operation, status: number, type: string): ValidateFunction | null {
  const { schema } = responses[status].content?.[type] ?? {};
  if (!schema) return null;
  const key = `${operationId} ${status} ${type}`;
  const known = validators.get(key);
  if (known) return known;
  const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')) as object;
  const made = ajv.compile(absolute);
  validators.set(key, made);
  return made;
}
