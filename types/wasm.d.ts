// A `.wasm` import is a compiled module; only Cloudflare's bundler has it.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
