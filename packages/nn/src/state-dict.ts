import { clone, dispose, keep, Tensor, TesseraError, type Backend, type HostTensor } from "@tessera/tensor";
import { sameShape, showShape, withRecorder, type TensorSpec } from "@tessera/tensor/extend";
import { hostTensorFault } from "@tessera/tensor/files";
import { refill, type Slot } from "./module-tree.ts";

/** Parameters and persistent buffers by path: what a checkpoint holds. */
export type StateDict = ReadonlyMap<string, Tensor>;

/** What can be loaded: tensors of any device, or what `readSafetensors` gives. */
export type LoadableState = ReadonlyMap<string, Tensor | HostTensor>;

/** What a lenient load left out, by torch's names. */
export interface LoadReport {
  /** In the model, not in the state. */
  readonly missingKeys: readonly string[];
  /** In the state, not in the model. */
  readonly unexpectedKeys: readonly string[];
}

/** Keys come out of files: no name is longer than a message should be. */
const shortened = (key: string): string => (key.length > 400 ? `${key.slice(0, 399)}…` : key);

/** A state that does not fit its target. The message names every key, and nothing was changed. */
export class StateDictError extends TesseraError {
  override name = "StateDictError";
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  /** `key (what was expected, what came)`. */
  readonly mismatches: readonly string[];

  constructor(
    what: string,
    { missingKeys, unexpectedKeys, mismatches }: LoadReport & { mismatches: readonly string[] },
    advice: string,
  ) {
    const parts = Object.entries({ missing: missingKeys, unexpected: unexpectedKeys, mismatched: mismatches });
    const lists = parts
      .filter(([, keys]) => keys.length > 0)
      .map(([kind, keys]) => `${keys.length} ${kind}: ${keys.map(shortened).join(", ")}`);
    super([what, ...lists, advice].join("; "));
    this.missingKeys = missingKeys;
    this.unexpectedKeys = unexpectedKeys;
    this.mismatches = mismatches;
  }
}

/** Where a value goes: a tensor, or what one will be. */
export interface Place extends TensorSpec {
  readonly device: Backend;
}

/** Why a value cannot go into a place; `null` when it can. */
export const mismatch = (target: Place, value: Tensor | HostTensor): string | null => {
  const expected = `expected ${target.dtype} ${showShape(target.shape)}`;
  if (typeof value !== "object" || value === null) return `${expected}, got ${String(value)}`;
  const fault = value instanceof Tensor ? null : hostTensorFault(value);
  if (fault) return fault;
  if (value instanceof Tensor && value.isDisposed) return `${expected}, got a tensor that was freed`;
  if (value.dtype !== target.dtype || !sameShape(value.shape, target.shape))
    return `${expected}, got ${value.dtype} ${showShape(value.shape)}`;
  if (value instanceof Tensor && value.device !== target.device && !value.device.readSync)
    return `on ${value.device.name}, which cannot be read synchronously; await its to("${target.device.name}") first`;
  return null;
};

/** A copy of a value for a place: on its device, with its own storage, outside every scope. */
const copyFor = (target: Place, value: Tensor | HostTensor): Tensor => {
  if (value instanceof Tensor && value.device === target.device) return keep(withRecorder(null, () => clone(value)));
  const data = value instanceof Tensor ? value.dataSync() : value.data;
  return keep(Tensor.fromHost(data, target.shape, target.dtype, target.device, "loadStateDict"));
};

/** Copies of all the values, or none of them. */
export const copyAll = (
  pairs: readonly { readonly target: Place; readonly value: Tensor | HostTensor }[],
): Tensor[] => {
  const copies: Tensor[] = [];
  try {
    for (const { target, value } of pairs) copies.push(copyFor(target, value));
  } catch (error) {
    dispose(copies);
    throw error;
  }
  return copies;
};

/** What the module that owns a tensor has against a value for it. */
type CheckState = (place: Slot["places"][number], value: Tensor | HostTensor) => string | null;

/** Loads a state, or changes nothing when anything does not fit. */
export const loadSlots = (
  slots: readonly Slot[],
  state: LoadableState,
  strict: boolean,
  check: CheckState,
): LoadReport => {
  const known = new Set(slots.flatMap((slot) => slot.paths));
  const unexpectedKeys = [...state.keys()].filter((key) => !known.has(key));
  const missingKeys: string[] = [];
  const mismatches: string[] = [];
  const chosen: { slot: Slot; target: Place; value: Tensor | HostTensor }[] = [];
  for (const slot of slots) {
    const given = slot.paths.filter((path) => state.has(path));
    const [first, ...others] = given;
    if (first === undefined) {
      missingKeys.push(slot.paths[0]!);
      continue;
    }
    const value = state.get(first)!;
    const unfit = given.flatMap((path) => {
      const given = state.get(path)!;
      const why = mismatch(slot.tensor, given) ?? check(slot.places[0]!, given);
      return why === null ? [] : [`${path} (${why})`];
    });
    const untied = unfit.length > 0 ? [] : others.filter((path) => !sameContents(value, state.get(path)!));
    mismatches.push(
      ...unfit,
      ...untied.map((path) => `${path} (expected the values of ${first}, with which the model shares it, got others)`),
    );
    chosen.push({ slot, target: slot.tensor, value });
  }
  if (mismatches.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0))
    throw new StateDictError(
      "loadStateDict: expected the keys and shapes of the model, which is unchanged",
      { missingKeys: strict ? missingKeys : [], unexpectedKeys: strict ? unexpectedKeys : [], mismatches },
      mismatches.length > 0
        ? "is it the checkpoint of another configuration?"
        : "{ strict: false } loads what is there",
    );
  const copies = copyAll(chosen);
  for (const [i, { slot }] of chosen.entries()) refill(slot, copies[i]!);
  return { missingKeys, unexpectedKeys };
};

/** Whether two entries for one shared tensor agree. */
const sameContents = (a: Tensor | HostTensor, b: Tensor | HostTensor): boolean => {
  if (a === b || (a instanceof Tensor && b instanceof Tensor && a.id === b.id)) return true;
  const [left, right] = [a, b].map((value) => (value instanceof Tensor ? value.dataSync() : value.data));
  return left!.every((value, i) => Object.is(value, right![i]) || value === right![i]);
};
