import { bitsOf } from "../helpers/sameBits.ts";
import "../../src/entry/browser.ts";
import { listGolden, readGolden } from "../helpers/golden.vite.ts";
import { testSameBits } from "../helpers/sameBitsSuite.ts";

testSameBits((subject) => bitsOf(subject, readGolden, listGolden));
