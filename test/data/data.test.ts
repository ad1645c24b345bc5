import "../../src/entry/node.ts";
import { testData } from "../helpers/dataSuite.ts";

testData();
