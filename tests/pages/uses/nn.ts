import { Linear, SGD } from "@tessera/nn";
import { Gradients } from "@tessera/autograd";
import { ones, Parameter, scope, tensor } from "@tessera/tensor";
import { find } from "./found.ts";

find(async () => {
  const layer = new Linear(2, 1, {
    weight: new Parameter(tensor([[1, 2]])),
    bias: new Parameter(tensor([0.5])),
  });
  const optimizer = new SGD(layer.namedParameters(), { lr: 1 });
  scope((): void =>
    optimizer.step(
      new Gradients([
        ["weight", ones([1, 2])],
        ["bias", ones([1])],
      ]),
    ),
  );
  const read = scope(() => ({ data: layer.forward(tensor([[3, 4]])).data() }));
  return [...(await read.data)];
});
