/** The WASM kernels: who loads the module, and an instance of it. */
import { FailedPreconditionError } from "../graph/errors.ts";
import type { KernelExports } from "../ops/definition.ts";

/** Gives the compiled kernels in some host. */
export type KernelLoader = () => Promise<WebAssembly.Module>;

let defaultLoader: KernelLoader | null = null;
let loading: Promise<WebAssembly.Module> | null = null;

/** Sets what loads the kernels where `Session.create` is not given any: each host's entry does so. */
export function setDefaultKernelLoader(loader: KernelLoader): void {
  defaultLoader = loader;
  loading = null;
}

/** The module of the default loader, compiled once. */
export function loadKernels(): Promise<WebAssembly.Module> {
  if (!defaultLoader) {
    throw new FailedPreconditionError(
      "No kernels are known here. Import 'trainlet' through a bundler or runtime that knows the conditions node, browser or workerd, or pass Session.create({ kernels }) a WebAssembly.Module.",
    );
  }
  loading ??= defaultLoader();
  loading.catch(() => (loading = null));
  return loading;
}

/** An instance of the kernels on its own memory: nothing is shared between sessions. */
export function instantiateKernels(module: WebAssembly.Module): { kernels: KernelExports; memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: 16 });
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return { kernels: instance.exports as unknown as KernelExports, memory };
}
