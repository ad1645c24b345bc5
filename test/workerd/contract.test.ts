import { exports } from "cloudflare:workers";
import { connect } from "../../worker/cloudflare/client.ts";
import { readGolden } from "./golden.ts";
import { testContract } from "../worker/contract/index.ts";

testContract({
  connect: () => connect("https://trainlet.test", { fetch: (request) => exports.default.fetch(request) }),
  read: readGolden,
});
