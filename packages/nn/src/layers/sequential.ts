import type { Tensor } from "@tessera/tensor";
import type { Module } from "../module.ts";
import { ModuleSequence } from "./module-sequence.ts";

/** A module from one tensor to one tensor. */
export type TensorModule = Module & { forward(x: Tensor): Tensor };

/**
 * Modules one after the other, each given the output of the one before. Keys are their numbers.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html torch.nn.Sequential}
 *
 * @example
 * const model = new Sequential(new Linear(4, 8), new GELU(), new Linear(8, 2));
 * model.forward(ones([3, 4])).shape; // [3, 2]
 */
export class Sequential extends ModuleSequence<TensorModule> {
  constructor(...modules: readonly TensorModule[]) {
    super(modules);
  }

  forward(x: Tensor): Tensor {
    let value = x;
    for (const module of this) value = module.forward(value);
    return value;
  }
}
