import { bitsOf } from "../helpers/sameBits.ts";
import "../../src/entry/workerd.ts";
import { listGolden, readGolden } from "./golden.ts";
import { testSameBits } from "../helpers/sameBitsSuite.ts";

testSameBits((subject) => bitsOf(subject, readGolden, listGolden));
