import { ArgumentError } from "@tessera/tensor";
import { Module } from "../module.ts";

/**
 * Modules under names, which are their keys: the weight of a layer set as `head` is `head.weight`. The module that holds it calls them.
 *
 * {@link https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleDict.html torch.nn.ModuleDict}
 *
 * @throws ArgumentError when a name is empty, has a dot, or is that of a member of every module.
 * @example
 * const heads = new ModuleDict({ topic: new Linear(8, 4), mood: new Linear(8, 2) });
 * heads.get("mood").forward(ones([3, 8])).shape; // [3, 2]
 */
export class ModuleDict<M extends Module = Module> extends Module implements Iterable<[name: string, module: M]> {
  constructor(modules: { readonly [name: string]: M } = {}) {
    super();
    for (const [name, module] of Object.entries(modules)) this.set(name, module);
  }

  /** How many modules there are. */
  get size(): number {
    return this.namedChildren().size;
  }

  has(name: string): boolean {
    return this.namedChildren().has(name);
  }

  /** @throws ArgumentError when there is none of that name; the message lists those that are there. */
  get(name: string): M {
    const modules = this.namedChildren();
    const module = modules.get(name);
    if (!module)
      throw new ArgumentError(
        `ModuleDict: expected one of ${[...modules.keys()].join(", ") || "no names at all"}, got "${name}"; set it first`,
      );
    return module as M;
  }

  /** Puts a module under a name, in place of one that is there. */
  set(name: string, module: M): this {
    if (name === "" || name.includes(".") || (name in this && !this.has(name)))
      throw new ArgumentError(
        `ModuleDict: expected a name without dots that no member of modules has, got "${name}"; take another`,
      );
    (this as unknown as { [name: string]: M })[name] = module;
    return this;
  }

  *[Symbol.iterator](): Iterator<[name: string, module: M]> {
    yield* this.namedChildren() as ReadonlyMap<string, M>;
  }

  /** @throws ArgumentError always. */
  forward(): never {
    throw new ArgumentError("ModuleDict: expected calls of the modules in it, got one of all; take one with get(name)");
  }
}
