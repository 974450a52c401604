import { add, mul, scope, tensorsIn, TesseraError, type Tensor } from "@tessera/tensor";

/**
 * Gradients by canonical parameter name; tied weights appear once. The receiver frees them: `optimizer.step(grads)`
 * does, `total.add(grads)` does, and a scope does.
 */
export class Gradients implements ReadonlyMap<string, Tensor> {
  /**
   * A 0-d factor that the receiver must apply to every gradient, such as the clip of a norm: a step reads it
   * on the device, so nothing waits. NaN says that some gradient is not finite. Owned by the gradients.
   */
  scale: Tensor | null = null;
  private readonly map: Map<string, Tensor>;

  constructor(entries: Iterable<readonly [string, Tensor]> = []) {
    this.map = new Map(entries);
  }

  /** Adds the others to these, each with its scale applied, and frees the others. @throws TesseraError when the names differ. */
  add(others: Gradients): void {
    const missing = [...this.map.keys()].filter((name) => !others.has(name));
    const extra = [...others.keys()].filter((name) => !this.map.has(name));
    if (missing.length + extra.length > 0 && this.map.size > 0)
      throw new TesseraError(
        `gradients: expected the same parameters, missing ${list(missing)}, unexpected ${list(extra)}`,
      );
    // The first ones keep their scale; a sum has it multiplied in.
    const scale = this.map.size === 0 ? (others.scale?.alias() ?? null) : null;
    for (const [name, other] of others) {
      const mine = this.map.get(name);
      this.map.set(
        name,
        mine ? scope(() => add(scaled(mine, this.scale), scaled(other, others.scale))) : other.alias(),
      );
      mine?.dispose();
    }
    this.scale?.dispose();
    this.scale = scale;
    others.dispose();
  }

  dispose(): void {
    this.scale?.dispose();
    this.scale = null;
    for (const gradient of this.map.values()) gradient.dispose();
    this.map.clear();
  }

  [tensorsIn](): Iterable<Tensor> {
    return this.scale ? [...this.map.values(), this.scale] : this.map.values();
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

const scaled = (gradient: Tensor, scale: Tensor | null): Tensor => (scale ? mul(gradient, scale) : gradient);

const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.join(", "));
