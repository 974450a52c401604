/** A growing Int32Array: what an encoder writes into, without a boxed number an id. */
export class IdBuffer {
  length = 0;
  private ids: Int32Array;

  constructor(capacity = 64) {
    this.ids = new Int32Array(capacity);
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.grow(this.length + 1);
    this.ids[this.length++] = id;
  }

  /** The first `count` of `ids`. */
  append(ids: Int32Array, count = ids.length): void {
    if (this.length + count > this.ids.length) this.grow(this.length + count);
    const { ids: own, length } = this;
    for (let i = 0; i < count; i++) own[length + i] = ids[i]!;
    this.length = length + count;
  }

  /** A copy of `[start, end)`. */
  slice(start = 0, end = this.length): Int32Array {
    return this.ids.slice(start, end);
  }

  private grow(needed: number): void {
    const ids = new Int32Array(Math.max(needed, this.ids.length * 2));
    ids.set(this.ids.subarray(0, this.length));
    this.ids = ids;
  }
}
