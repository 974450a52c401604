import { joinPath, walk } from "./module-tree.ts";
import type { Module } from "./module.ts";

/** The module that saw an error last, and the path from there to where it was thrown. */
interface Sighting {
  readonly module: Module;
  readonly path: string;
  readonly message: string;
}

const sightings = new WeakMap<Error, Sighting>();

/**
 * Puts the path of the layer that threw before the message, as the error passes up through `module`. Its class and identity
 * stay. Each module knows only the way to its child, so the path grows by one step at a time, and never twice.
 */
export const locate = (error: unknown, module: Module): unknown => {
  if (!(error instanceof Error) || !Object.hasOwn(error, "message")) return error;
  const seen = sightings.get(error);
  if (!seen) {
    sightings.set(error, { module, path: "", message: error.message });
    return error;
  }
  const step = pathTo(module, seen.module);
  // A module that is not in the tree, or the same one called again: what the message says already is still true.
  if (step === undefined || step === "") return error;
  const path = joinPath(step, seen.path);
  const before = error.message;
  error.message = `${path}: ${seen.message}`;
  // V8 wrote the message into the stack when the error was made; it is the stack that is printed.
  if (error.stack !== undefined) error.stack = error.stack.replace(before, () => error.message);
  sightings.set(error, { module, path, message: seen.message });
  return error;
};

const pathTo = (from: Module, to: Module): string | undefined => {
  for (const [path, module] of walk(from)) if (module === to) return path;
  return undefined;
};
