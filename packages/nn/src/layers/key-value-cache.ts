import { cat, contiguous, dispose, indexSelect, keep, scope, ShapeError, type Tensor } from "@tessera/tensor";
import { sameShape, showShape } from "@tessera/tensor/extend";

/**
 * The keys and values of the tokens that an attention has seen, on their device: the next token is then attended to without computing
 * the others again. One cache is of one attention and one batch. It owns its tensors: `dispose()` it.
 *
 * @example
 * using cache = new KeyValueCache();
 * for (const x of tokens) y = attention.forward(x, { cache, isCausal: true }); // x: [batch, 1, embedDim]
 */
export class KeyValueCache {
  #keys: Tensor | null = null;
  #values: Tensor | null = null;

  /** How many tokens there are. */
  get length(): number {
    return this.#keys?.size(1) ?? 0;
  }

  /** What they take. */
  get bytes(): number {
    return 4 * ((this.#keys?.numel() ?? 0) + (this.#values?.numel() ?? 0));
  }

  /**
   * Puts tokens at the end, and gives back all keys and values; both stay the cache's. Copies what there was.
   *
   * Shape: key `[batch, new, heads, d]`, value `[batch, new, heads, dv]` → `[batch, length, heads, d]`, `[batch, length, heads, dv]`.
   *
   * @throws ShapeError when they do not fit together, or to what there is: another batch, or other heads.
   */
  append(key: Tensor, value: Tensor): readonly [keys: Tensor, values: Tensor] {
    const fits = (x: Tensor, old: Tensor | null): boolean =>
      x.ndim === 4 && (!old || sameShape([x.size(0), x.size(2), x.size(3)], [old.size(0), old.size(2), old.size(3)]));
    if (
      !fits(key, this.#keys) ||
      !fits(value, this.#values) ||
      !sameShape(key.shape.slice(0, 3), value.shape.slice(0, 3))
    )
      throw new ShapeError(
        `KeyValueCache: expected key and value [batch, tokens, heads, d] as before, got ${showShape(key.shape)} and ${showShape(value.shape)} beside ${this.#keys ? showShape(this.#keys.shape) : "none"}; a new batch takes a new cache`,
      );
    return this.#replace((old, fresh) => (old ? cat([old, fresh], 1) : contiguous(fresh).alias()), key, value);
  }

  /**
   * Takes rows of the batch, in an order of their own: row i becomes what row `rows[i]` was. For beam search.
   *
   * Shape: rows int32 `[n]`; the batch has n rows afterwards.
   */
  reorder(rows: Tensor): void {
    if (this.#keys) this.#replace((old) => indexSelect(old!, 0, rows), this.#keys, this.#values!);
  }

  /** Both new tensors are made before the old ones go. */
  #replace(make: (old: Tensor | null, fresh: Tensor) => Tensor, key: Tensor, value: Tensor): readonly [Tensor, Tensor] {
    const [keys, values] = scope(() => keep([make(this.#keys, key), make(this.#values, value)] as const));
    this.dispose();
    [this.#keys, this.#values] = [keys, values];
    return [keys, values];
  }

  /** Forgets all tokens and frees them; the cache can be filled again. */
  dispose(): void {
    dispose([this.#keys, this.#values]);
    this.#keys = this.#values = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
