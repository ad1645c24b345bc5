// The nets that whole training steps are measured with.
import { lenet } from "./nets/lenet.ts";
import { mobilenetBlock } from "./nets/mobilenet.ts";
import type { Net } from "./nets/net.ts";
import { resnet } from "./nets/resnet.ts";

export const cases: readonly { readonly net: () => Net; readonly batch: number }[] = [
  { net: lenet, batch: 64 },
  { net: () => resnet(8), batch: 32 },
  { net: mobilenetBlock, batch: 8 },
];
