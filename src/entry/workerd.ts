/** trainlet in Cloudflare Workers: the module is compiled at deployment, and an isolate's sessions share one limit. */
import kernels from "../../dist/kernels.wasm";
import { configureHost } from "../runtime/host.ts";

configureHost({ loader: async () => kernels, maxMemoryBytes: 64 * 1024 ** 2, shared: true });

export * from "../index.ts";
