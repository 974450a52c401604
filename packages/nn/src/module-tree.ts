import { ArgumentError, Parameter, Tensor } from "@tessera/tensor";
import { classNameOf } from "./class-name.ts";
import type { Module } from "./module.ts";

/** Which tensors are buffers, and whether they belong in a checkpoint. A tensor in another property is not registered. */
const buffers = new WeakMap<Tensor, { readonly persistent: boolean }>();

/** Makes a tensor a buffer of whatever module holds it in a property. */
export const registerBuffer = (tensor: Tensor, persistent: boolean): void => {
  buffers.set(tensor, { persistent });
};

/** A tensor of a module tree: a parameter or a buffer, with every path and every property that leads to it. */
export interface Slot {
  readonly tensor: Tensor;
  /** The first is the canonical one; the others are aliases, as tied weights have. */
  readonly paths: string[];
  readonly places: { readonly owner: Module; readonly name: string }[];
  readonly persistent: boolean;
}

export const joinPath = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join(".");

/** The modules that a module holds directly, by property. */
export const childrenOf = (module: Module): [name: string, child: Module][] =>
  Object.entries(module).filter((entry): entry is [string, Module] => isModule(entry[1]));

/** Known by what it can do: the class itself is built on this file. */
const isModule = (value: unknown): value is Module =>
  typeof value === "object" && value !== null && "namedModules" in value && "forward" in value;

/** Every path through the tree: a module that is shared comes once for each. One that contains itself is entered once. */
export function* walk(
  module: Module,
  path = "",
  above: readonly Module[] = [],
): Generator<[path: string, module: Module]> {
  if (above.includes(module)) return;
  yield [path, module];
  for (const [name, child] of childrenOf(module)) yield* walk(child, joinPath(path, name), [...above, module]);
}

/** The module at a path. @throws ArgumentError that names what the path leads to. */
export const moduleAt = (root: Module, path: string): Module => {
  let module = root;
  const passed: string[] = [];
  for (const name of path === "" ? [] : path.split(".")) {
    const children = new Map(childrenOf(module));
    const child = children.get(name);
    if (!child) {
      const here = passed.length > 0 ? `"${passed.join(".")}"` : classNameOf(module);
      const there = [...children.keys()].join(", ") || "none at all";
      throw new ArgumentError(
        `getSubmodule: expected a module at "${path}", ${here} has none called "${name}"; it has ${there}`,
      );
    }
    passed.push(name);
    module = child;
  }
  return module;
};

/** Parameters and buffers of the tree, each tensor once: a module's own parameters, its own buffers, then its children. */
export const slotsOf = (root: Module): readonly Slot[] => {
  const slots = new Map<Tensor, Slot>();
  for (const [path, owner] of walk(root)) {
    const tensors = Object.entries(owner).filter((entry): entry is [string, Tensor] => entry[1] instanceof Tensor);
    const own = tensors.filter(([, tensor]) => tensor instanceof Parameter);
    for (const [name, tensor] of [...own, ...tensors.filter(([, tensor]) => buffers.has(tensor))]) {
      const key = joinPath(path, name);
      const slot = slots.get(tensor);
      const persistent = buffers.get(tensor)?.persistent ?? true;
      if (!slot) slots.set(tensor, { tensor, persistent, paths: [key], places: [{ owner, name }] });
      else if (!slot.paths.includes(key)) {
        slot.paths.push(key);
        if (!slot.places.some((place) => place.owner === owner && place.name === name))
          slot.places.push({ owner, name });
      }
    }
  }
  return [...slots.values()];
};

/** Puts `fresh`, which has its own storage and belongs to no scope, in place of a slot's contents. Cannot fail. */
export const refill = ({ tensor, places, persistent }: Slot, fresh: Tensor): void => {
  if (tensor instanceof Parameter) return tensor.assign(fresh);
  registerBuffer(fresh, persistent);
  for (const { owner, name } of places) (owner as unknown as { [name: string]: Tensor })[name] = fresh;
  tensor.dispose();
};
