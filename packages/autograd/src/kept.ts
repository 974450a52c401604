import { Tensor } from "@tessera/tensor";
import type { Layout, Storage } from "@tessera/tensor/extend";
import type { Reads } from "./define-vjps.ts";

/** One tensor kept: its memory and layout, without a handle that a scope could drop. */
class KeptTensor {
  readonly id: number;
  private readonly storage: Storage;
  private readonly layout: Layout;
  private readonly origin: string;

  constructor(tensor: Tensor) {
    this.id = tensor.id;
    this.storage = tensor.storage.hold();
    const { shape, dtype, strides, offset } = tensor;
    this.layout = { shape, dtype, strides, offset };
    this.origin = tensor.origin;
  }

  restore(): Tensor {
    const tensor = new Tensor(this.storage.retain(), this.layout, this.origin, this.id);
    this.storage.letGo();
    return tensor;
  }

  release(): void {
    this.storage.letGo();
  }
}

type Entry = KeptTensor | null | readonly (KeptTensor | null)[];

const keep = (tensor: Tensor | null): KeptTensor | null => tensor && new KeptTensor(tensor);
const restore = (kept: KeptTensor | null): Tensor | null => kept && kept.restore();

/** The tensors that a rule reads, from the forward pass to its own step back: either restored or released, once. */
export class Kept {
  private readonly entries: readonly (readonly [name: string, entry: Entry])[];

  constructor(reads: Reads) {
    this.entries = Object.entries(reads).map(([name, one]) => [name, isList(one) ? one.map(keep) : keep(one)]);
  }

  /** Handles again, under the identities that they had, in the scope that is open. */
  restore(): Reads {
    return Object.fromEntries(this.entries.map(([name, one]) => [name, isList(one) ? one.map(restore) : restore(one)]));
  }

  release(): void {
    for (const [, one] of this.entries) for (const kept of isList(one) ? one : [one]) kept?.release();
  }
}

/** The tensors that a rule reads, in one list. */
export const tensorsOf = (reads: Reads): Tensor[] =>
  Object.values(reads)
    .flatMap((one) => one)
    .filter((one) => one !== null);

// Array.isArray does not tell a readonly array from what is none.
const isList = <T>(one: T | null | readonly (T | null)[]): one is readonly (T | null)[] => Array.isArray(one);
