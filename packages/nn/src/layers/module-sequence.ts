import { ArgumentError } from "@tessera/tensor";
import { classNameOf } from "../class-name.ts";
import { Module } from "../module.ts";

/** Modules held under their numbers, which are their keys: the third one's weight is `2.weight`. */
export abstract class ModuleSequence<M extends Module> extends Module implements Iterable<M> {
  [index: number]: M;

  constructor(modules: Iterable<M>) {
    super();
    for (const module of modules) this.append(module);
  }

  /** How many modules there are. */
  get length(): number {
    return Object.keys(this).filter((key) => /^\d+$/.test(key)).length;
  }

  /** The module of that number; negative ones count from the back. @throws ArgumentError when there is none. */
  at(index: number): M {
    const { length } = this;
    const module = this[index < 0 ? index + length : index];
    if (!module)
      throw new ArgumentError(`${classNameOf(this)}: expected an index from ${-length} to ${length - 1}, got ${index}`);
    return module;
  }

  append(module: M): this {
    this[this.length] = module;
    return this;
  }

  *[Symbol.iterator](): Iterator<M> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}
