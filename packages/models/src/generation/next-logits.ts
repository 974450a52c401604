import type { KeyValueCache } from "@tessera/nn";
import { ArgumentError, narrow, reshape, scope, ShapeError, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import type { GenerativeModel } from "./generative-model.ts";

/**
 * The scores of the next token of some texts, which grow by a token a call. With a cache the model is given what is new; without one the whole
 * texts. `dispose()` it.
 */
export class NextLogits {
  private readonly model: GenerativeModel;
  private readonly device: Backend;
  private readonly cache: readonly KeyValueCache[] | null;
  /** Tokens that the cache holds, padding too. */
  private cached = 0;
  /** Of each text, how many tokens its left is padded with, in the cache. */
  private padding: number[] = [];

  constructor(model: GenerativeModel, useCache: boolean) {
    const parameter = model.parameters()[0];
    if (!parameter) throw new ArgumentError("generate: expected a model with parameters, got one without");
    this.model = model;
    this.device = parameter.device;
    this.cache = useCache && model.newCache ? model.newCache() : null;
  }

  /**
   * Scores of the next token of each text. One read of the device a call.
   *
   * @param texts all of them, whole; each a token longer than at the call before
   */
  async of(texts: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const longest = Math.max(...texts.map(({ length }) => length));
    if (this.cached === 0) this.padding = texts.map(({ length }) => longest - length);
    const start = this.cached;
    const columns = Math.max(...texts.map(({ length }, row) => length + this.padding[row]!));
    const tokens = columns - start;
    // A promise would be taken for the scope's result: it comes in an object.
    const { vocab, read } = scope(() => {
      const logits = this.forward(texts, { start, tokens });
      if (logits.ndim !== 3 || logits.size(0) !== texts.length)
        throw new ShapeError(
          `generate: expected logits [${texts.length}, tokens, vocab] of the model, got ${showShape(logits.shape)}`,
        );
      const [rows, steps, vocab] = logits.shape as [number, number, number];
      return { vocab, read: reshape(narrow(logits, 1, steps - 1, 1), [rows, vocab]).data() };
    });
    if (this.cache) this.cached = columns;
    const data = (await read) as Float32Array;
    return texts.map((_, row) => data.slice(row * vocab, (row + 1) * vocab));
  }

  /** The part of the texts in columns from `start` on, with what the model needs beside it. */
  private forward(
    texts: readonly (readonly number[])[],
    { start, tokens }: { readonly start: number; readonly tokens: number },
  ): Tensor {
    const { device, model, padding } = this;
    const shape = [texts.length, tokens] as const;
    const at = (from: number, width: number, of: (column: number, text: readonly number[]) => number): number[] =>
      texts.flatMap((text, row) => Array.from({ length: width }, (_, i) => of(from + i - padding[row]!, text)));
    const ids = Int32Array.from(at(start, tokens, (i, text) => text[Math.max(i, 0)]!));
    const inputIds = tensor(ids, shape, { device });
    if (!model.newCache) return model.forward({ inputIds }).logits;
    const padded = padding.some((n) => n > 0);
    const shown = Uint8Array.from(padded ? at(0, start + tokens, (i) => Number(i >= 0)) : []);
    const positions = Int32Array.from(padded ? at(start, tokens, (i) => Math.max(i, 0)) : []);
    return model.forward({
      inputIds,
      cache: this.cache ?? undefined,
      attentionMask: padded ? tensor(shown, [texts.length, start + tokens], { device, dtype: "bool" }) : undefined,
      positionIds: padded ? tensor(positions, shape, { device }) : undefined,
      logitsToKeep: 1,
    }).logits;
  }

  /** Text i becomes a continuation of what text `rows[i]` was. */
  reorder(rows: readonly number[]): void {
    const same = rows.length === this.padding.length && rows.every((row, i) => row === i);
    if (same) return;
    this.padding = rows.map((row) => this.padding[row]!);
    if (!this.cache) return;
    const { cache, device } = this;
    scope((): void => {
      const index = tensor(Int32Array.from(rows), [rows.length], { device });
      for (const layer of cache) layer.reorder(index);
    });
  }

  dispose(): void {
    for (const layer of this.cache ?? []) layer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
