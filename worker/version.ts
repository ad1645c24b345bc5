/** The package's version, which /healthz and the OpenAPI document tell. A test compares it with package.json. */
export const version = "0.1.0";
