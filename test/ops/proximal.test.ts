// The rarer Apply operations; see optimizer.test.ts.
import * as proximal from "../../src/ops/proximal.ts";
import { testApplyOps } from "../helpers/applyOps.ts";

testApplyOps([
  ["Ftrl", proximal.ApplyFtrl, proximal.ResourceApplyFtrl, 3, 3, 8],
  ["FtrlV2", proximal.ApplyFtrlV2, proximal.ResourceApplyFtrlV2, 3, 3, 9],
  [
    "ProximalGradientDescent",
    proximal.ApplyProximalGradientDescent,
    proximal.ResourceApplyProximalGradientDescent,
    1,
    4,
    5,
  ],
  ["ProximalAdagrad", proximal.ApplyProximalAdagrad, proximal.ResourceApplyProximalAdagrad, 2, 5, 6],
  ["AdagradDA", proximal.ApplyAdagradDA, proximal.ResourceApplyAdagradDA, 3, 3, 8],
  ["AdaMax", proximal.ApplyAdaMax, proximal.ResourceApplyAdaMax, 3, 8, 9],
  ["AdamWithAmsgrad", null, proximal.ResourceApplyAdamWithAmsgrad, 4, 10, 11],
  ["KerasMomentum", null, proximal.ResourceApplyKerasMomentum, 2, 3, 5],
]);
