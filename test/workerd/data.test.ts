import "../../src/entry/workerd.ts";
import { testData } from "../helpers/dataSuite.ts";

testData();
