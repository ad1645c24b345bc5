import "../../src/entry/browser.ts";
import { testData } from "../helpers/dataSuite.ts";

testData();
