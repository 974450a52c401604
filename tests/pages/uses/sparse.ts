import { valueAndGrad } from "@tessera/autograd";
import { BlockLayout, BlockSparseLinear } from "@tessera/sparse";
import { Linear } from "@tessera/nn";
import { ones, Parameter, scope, sum, type Tensor } from "@tessera/tensor";
import { find } from "./found.ts";

find(async () => {
  const dense = new Linear(8, 8, { weight: new Parameter(ones([8, 8])), bias: false });
  const layout = BlockLayout.fromMask(Uint8Array.of(1, 1, 0, 1), 2, 2, 4);
  const layer = BlockSparseLinear.fromLinear(dense, { layout });
  const read = scope(() => {
    const step = valueAndGrad(layer, (x: Tensor) => sum(layer.forward(x)));
    const { grads } = step(ones([1, 8]));
    return { y: layer.forward(ones([1, 8])).data(), gradients: sum(grads.get("values")!).item() };
  });
  return { y: [...(await read.y)], gradients: await read.gradients };
});
