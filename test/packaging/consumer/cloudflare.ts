/** A Worker: the program in a request, and trainlet's own service beside it. */
import service from "trainlet/cloudflare";
import { remoteTutorial } from "./remote.ts";
import { tutorial } from "./tutorial.ts";

export { SessionObject } from "trainlet/cloudflare";

export default {
  async fetch(request, env): Promise<Response> {
    if (new URL(request.url).pathname !== "/tutorial") return service.fetch(request, env);
    const image = new Float32Array(await request.arrayBuffer());
    return Response.json({ program: await tutorial(image), inProcess: await remoteTutorial("in-process", image) });
  },
} satisfies ExportedHandler<Env>;
