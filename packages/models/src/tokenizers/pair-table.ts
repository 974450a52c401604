const EMPTY = -1;

/**
 * A hash table from pairs of token ids to integers ≥ 0, by open addressing in three Int32Arrays. A `Map` would need a
 * string or a float for each key; this is several times faster, and a merge looks up a pair for every two symbols.
 */
export class PairTable {
  size = 0;
  private mask: number;
  private first: Int32Array;
  private second: Int32Array;
  private values: Int32Array;

  constructor(expected = 16) {
    let capacity = 16;
    while (capacity < expected * 2) capacity *= 2;
    this.mask = capacity - 1;
    this.first = new Int32Array(capacity).fill(EMPTY);
    this.second = new Int32Array(capacity);
    this.values = new Int32Array(capacity);
  }

  /** The value of `(a, b)`, or −1. */
  get(a: number, b: number): number {
    const slot = this.find(a, b);
    return this.first[slot] === EMPTY ? -1 : this.values[slot]!;
  }

  set(a: number, b: number, value: number): void {
    const slot = this.find(a, b);
    if (this.first[slot] === EMPTY) {
      this.first[slot] = a;
      this.second[slot] = b;
      this.size++;
    }
    this.values[slot] = value;
    if (this.size * 2 > this.mask) this.grow();
  }

  private find(a: number, b: number): number {
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & this.mask;
    while (this.first[slot] !== EMPTY && (this.first[slot] !== a || this.second[slot] !== b)) {
      slot = (slot + 1) & this.mask;
    }
    return slot;
  }

  private grow(): void {
    const { first, second, values } = this;
    const capacity = first.length * 2;
    this.mask = capacity - 1;
    this.first = new Int32Array(capacity).fill(EMPTY);
    this.second = new Int32Array(capacity);
    this.values = new Int32Array(capacity);
    for (let old = 0; old < first.length; old++) {
      if (first[old] === EMPTY) continue;
      const slot = this.find(first[old]!, second[old]!);
      this.first[slot] = first[old]!;
      this.second[slot] = second[old]!;
      this.values[slot] = values[old]!;
    }
  }
}
