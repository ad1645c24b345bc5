// The contract over Comlink in a worker thread. Fits are compared with one in this thread, which needs its kernels, too.
import "../../src/entry/node.ts";
import { connect } from "../../worker/client/node.ts";
import { readGolden } from "../helpers/golden.node.ts";
import { testContract } from "./contract/index.ts";

testContract({ connect: () => connect("worker"), read: readGolden });
