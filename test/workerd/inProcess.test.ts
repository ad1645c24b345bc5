import { connect } from "../../worker/cloudflare/client.ts";
import { readGolden } from "./golden.ts";
import { testContract } from "../worker/contract/index.ts";

testContract({ connect: () => connect("in-process"), read: readGolden });
