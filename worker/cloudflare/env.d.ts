// The bindings of wrangler.toml, as cloudflare:workers gives them in this project. Not published: a user's Worker has its own.
import type * as main from "./index.ts";

declare global {
  namespace Cloudflare {
    interface Env extends main.Env {}

    interface GlobalProps {
      mainModule: { default: typeof main.default };
    }
  }
}
