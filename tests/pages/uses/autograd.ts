import { grad } from "@tessera/autograd";
import { scope, square, sum, tensor, type Tensor } from "@tessera/tensor";
import { find } from "./found.ts";

find(async () => {
  const read = scope(() => ({ data: grad((x: Tensor) => sum(square(x)))(tensor([1, 2, 3])).data() }));
  return [...(await read.data)];
});
