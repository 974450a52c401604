import { add, matmul, scope, tensor } from "@tessera/tensor";
import { find } from "./found.ts";

find(async () => {
  const read = scope(() => {
    const x = matmul(tensor([[1, 2]]), tensor([[3], [4]]));
    // A function, and the method that is there for its effect alone.
    return { data: add(x, x.mul(1)).data() };
  });
  return [...(await read.data)];
});
