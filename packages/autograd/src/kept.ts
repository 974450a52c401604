import { Tensor, type DType } from "@tessera/tensor";
import type { Layout, Storage } from "@tessera/tensor/extend";
import type { Reads } from "./define-vjps.ts";

/** A kept tensor: its storage and layout, without a handle that a scope could dispose. Each recorded op makes some: it is flat, to be cheap. */
class KeptTensor implements Layout {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset: number;
  private readonly storage: Storage;
  private readonly origin: string;

  constructor(tensor: Tensor) {
    this.id = tensor.id;
    this.shape = tensor.shape;
    this.dtype = tensor.dtype;
    this.strides = tensor.strides;
    this.offset = tensor.offset;
    this.storage = tensor.storage.hold();
    this.origin = tensor.origin;
  }

  restore(): Tensor {
    const tensor = new Tensor(this.storage.retain(), this, this.origin, this.id);
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

/** An object that gets what was kept, beside what it has already. */
export interface Restored {
  [name: string]: unknown;
}

/** The tensors that a rule reads, from the forward pass to its own step back: either restored or released, once. */
export class Kept {
  private readonly names: readonly string[];
  private readonly entries: readonly Entry[];

  constructor(reads: Reads) {
    this.names = Object.keys(reads);
    const entries: Entry[] = [];
    for (const name of this.names) {
      const one = reads[name]!;
      entries.push(isList(one) ? one.map(keep) : keep(one));
    }
    this.entries = entries;
  }

  /**
   * Puts handles into `target` again, under the identities that they had, in the scope that is open. Names come in the rule's own order, so
   * that all calls of a rule see objects of one form: this runs at every step back, and engines are slow where forms vary.
   */
  restoreInto(target: Restored): void {
    for (let i = 0; i < this.names.length; i++) {
      const one = this.entries[i]!;
      target[this.names[i]!] = isList(one) ? one.map(restore) : restore(one);
    }
  }

  release(): void {
    for (const one of this.entries) {
      if (isList(one)) for (const kept of one) kept?.release();
      else one?.release();
    }
  }
}

/** The tensors that a rule reads, in one list. */
export const tensorsOf = (reads: Reads): Tensor[] =>
  Object.values(reads)
    .flatMap((one) => one)
    .filter((one) => one !== null);

// Array.isArray does not narrow a readonly array.
const isList = <T>(one: T | null | readonly (T | null)[]): one is readonly (T | null)[] => Array.isArray(one);
