// The contract through the HTTP client and the routes, without a network or workerd between them. Every answer is held
// against the OpenAPI document.
import "../../src/entry/node.ts";
import { connect } from "../../worker/client/node.ts";
import { createApp } from "../../worker/http/app.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { checkAnswer } from "./conforms.ts";
import { testContract } from "./contract/index.ts";

testContract({
  async connect() {
    const app = createApp(new LocalHost(), {});
    return connect("http://localhost/some/where", {
      async fetch(request) {
        const sent = new Request(request.url.replace("/some/where", ""), request);
        const response = await app.fetch(sent);
        await checkAnswer(sent, response);
        return response;
      },
    });
  },
  read: readGolden,
});
