import { add, tensorsIn, TesseraError, type Tensor } from "@tessera/tensor";

/**
 * Gradients by canonical parameter name; tied weights appear once. Whoever takes them frees them: `optimizer.step(grads)`
 * does, `total.add(grads)` does, and a scope does.
 */
export class Gradients implements ReadonlyMap<string, Tensor> {
  private readonly map: Map<string, Tensor>;

  constructor(entries: Iterable<readonly [string, Tensor]> = []) {
    this.map = new Map(entries);
  }

  /** Adds the others to these, and frees the others. @throws TesseraError when the names differ. */
  add(others: Gradients): void {
    const missing = [...this.map.keys()].filter((name) => !others.has(name));
    const extra = [...others.keys()].filter((name) => !this.map.has(name));
    if (missing.length + extra.length > 0 && this.map.size > 0)
      throw new TesseraError(`gradients: expected the same parameters, missing ${list(missing)}, unexpected ${list(extra)}`);
    for (const [name, other] of others) {
      const mine = this.map.get(name);
      this.map.set(name, mine ? add(mine, other) : other.alias());
      mine?.dispose();
    }
    others.dispose();
  }

  dispose(): void {
    for (const gradient of this.map.values()) gradient.dispose();
    this.map.clear();
  }

  [tensorsIn](): Iterable<Tensor> {
    return this.map.values();
  }

  get size(): number {
    return this.map.size;
  }
  get(name: string): Tensor | undefined {
    return this.map.get(name);
  }
  has(name: string): boolean {
    return this.map.has(name);
  }
  keys(): MapIterator<string> {
    return this.map.keys();
  }
  values(): MapIterator<Tensor> {
    return this.map.values();
  }
  entries(): MapIterator<[string, Tensor]> {
    return this.map.entries();
  }
  forEach(visit: (gradient: Tensor, name: string, map: ReadonlyMap<string, Tensor>) => void): void {
    this.map.forEach((gradient, name) => visit(gradient, name, this));
  }
  [Symbol.iterator](): MapIterator<[string, Tensor]> {
    return this.map[Symbol.iterator]();
  }
}

const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
