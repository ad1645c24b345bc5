// The contract through the HTTP client and the routes, without a network or workerd between them.
import "../../src/entry/node.ts";
import { connect } from "../../worker/client/node.ts";
import { createApp } from "../../worker/http/app.ts";
import { LocalHost } from "../../worker/localHost.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { testContract } from "./contract/index.ts";

testContract({
  async connect() {
    const { fetch } = createApp(new LocalHost());
    return connect("http://localhost/some/where", {
      fetch: async (request) => fetch(new Request(request.url.replace("/some/where", ""), request)),
    });
  },
  read: readGolden,
});
