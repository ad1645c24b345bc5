import { connect } from "../../worker/client/browser.ts";
import { readGolden } from "../helpers/golden.vite.ts";
import { testContract } from "../worker/contract/index.ts";

testContract({ connect: () => connect("worker"), read: readGolden });
