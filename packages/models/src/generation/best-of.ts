/** The n entries with the largest keys of many, in order; of equal keys the first to come. */
export class BestOf<T> {
  private readonly n: number;
  private readonly kept: { readonly key: number; readonly value: T }[] = [];

  constructor(n: number) {
    this.n = n;
  }

  /** Whether an entry of this key would be kept. */
  takes(key: number): boolean {
    const { kept, n } = this;
    return kept.length < n || key > kept[n - 1]!.key;
  }

  offer(key: number, value: T): void {
    if (!this.takes(key)) return;
    const { kept, n } = this;
    let [low, high] = [0, kept.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (kept[middle]!.key >= key) low = middle + 1;
      else high = middle;
    }
    kept.splice(low, 0, { key, value });
    if (kept.length > n) kept.pop();
  }

  /** From the largest key down. */
  get values(): T[] {
    return this.kept.map(({ value }) => value);
  }
}
