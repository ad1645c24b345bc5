// What Vite gives for an import of a file's address.
declare module "*?url" {
  const url: string;
  export default url;
}

// A `.wasm` import is a compiled module; only Cloudflare's bundler has it.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
