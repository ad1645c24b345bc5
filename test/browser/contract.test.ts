// The contract in a Web Worker. Fits are compared with one in this page, which needs its kernels, too.
import "../../src/entry/browser.ts";
import { connect } from "../../worker/client/browser.ts";
import { readGolden } from "../helpers/golden.vite.ts";
import { testContract } from "../worker/contract/index.ts";

testContract({ connect: () => connect("worker"), read: readGolden });
