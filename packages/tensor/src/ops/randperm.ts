import { defaultGenerator } from "../generator.ts";
import { namedScope } from "../named-scope.ts";
import { checkCount } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { gather } from "./index/index.ts";
import { rand, type RandomOptions } from "./random/random.ts";
import { argsort } from "./sort/sort.ts";

/**
 * The numbers from 0 up to n in a random order, as int32: the same order on every device.
 *
 * Shape: `[n]`. {@link https://docs.pytorch.org/docs/stable/generated/torch.randperm.html torch.randperm}
 *
 * @throws ArgumentError when n is no whole number from 0 on.
 * @example
 * await randperm(4, { generator: new Generator(1) }).data(); // such as [2, 0, 3, 1]
 */
export const randperm = (n: number, options: RandomOptions = {}): Tensor =>
  namedScope("randperm", () => {
    checkCount("randperm", "n", n);
    // A draw has 24 bits, and equal ones would favour the order that they have: two draws are sorted by, the last one first.
    const generator = options.generator ?? defaultGenerator;
    const [high, low] = [rand([n], { ...options, generator }), rand([n], { ...options, generator })];
    const order = argsort(low, 0);
    return gather(order, 0, argsort(gather(high, 0, order), 0));
  });
