import { ArgumentError } from "@tessera/tensor";
import type { Module } from "../module.ts";
import { ModuleSequence } from "./module-sequence.ts";

/**
 * Modules in a row, with their numbers as keys: the third layer's weight is `layer.2.weight`. The module that holds it calls
 * them.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html torch.nn.ModuleList}
 *
 * @example
 * const layers = new ModuleList(Array.from({ length: 3 }, () => new Linear(4, 4)));
 * let x = ones([2, 4]);
 * for (const layer of layers) x = layer.forward(x);
 */
export class ModuleList<M extends Module = Module> extends ModuleSequence<M> {
  constructor(modules: Iterable<M> = []) {
    super(modules);
  }

  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError(
      "ModuleList: expected calls of the modules in it, got one of the list; loop over it, or use Sequential",
    );
  }
}
