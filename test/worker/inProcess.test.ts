import { connect } from "../../worker/client/node.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { testContract } from "./contract/index.ts";

testContract({ connect: () => connect("in-process"), read: readGolden });
