// As `wrangler types` writes it.
// oxlint-disable typescript/consistent-type-imports
declare namespace Cloudflare {
  interface GlobalProps {
    mainModule: typeof import("./cloudflare.ts");
    durableNamespaces: "SessionObject";
  }
  interface Env {
    SESSIONS: DurableObjectNamespace<import("./cloudflare.ts").SessionObject>;
  }
}
interface Env extends Cloudflare.Env {}
