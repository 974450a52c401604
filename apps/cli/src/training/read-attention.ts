import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { keep, matmul, mul, permute, reshape, scope, softmax, tensor, type Tensor } from "@tessera/tensor";

/** Where one head looks in a text. */
export interface HeadAttention {
  /** From 0. */
  layer: number;
  /** From 0. */
  head: number;
  /** The text's tokens, `<s>` and `</s>` included. */
  tokens: string[];
  /** How much each token takes from each other. A row sums to 1. Shape: `[tokens, tokens]`. */
  weights: number[][];
}

/** Reads softmax(q kᵀ/√d) of every head for a text. Attention does not keep it, so queries and keys are caught on their way. */
export const readAttention = async (
  model: RobertaForMaskedLM,
  tokenizer: ByteLevelBpeTokenizer,
  text: string,
): Promise<HeadAttention[]> => {
  const { ids } = tokenizer.encode(text);
  const { numAttentionHeads: heads, hiddenSize } = model.config;
  const size = hiddenSize / heads;
  const layers = [...model.roberta.encoder.layer];
  const caught = layers.map((): Partial<Record<"query" | "key", Tensor>> => ({}));
  const hooks = layers.flatMap(({ attention }, layer) =>
    (["query", "key"] as const).map((name) =>
      attention.self[name].registerForwardHook((_, __, output) => {
        caught[layer]![name] = keep((output as Tensor).alias());
      }),
    ),
  );
  model.eval();
  try {
    const reads = scope(() => {
      model.forward({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) });
      // [1, tokens, hidden] → [heads, tokens, d], or [heads, d, tokens]
      const split = (x: Tensor): Tensor => reshape(x, [ids.length, heads, size]);
      return caught.map(({ query, key }) => ({
        read: softmax(
          mul(matmul(permute(split(query!), [1, 0, 2]), permute(split(key!), [1, 2, 0])), 1 / Math.sqrt(size)),
          -1,
        ).data(),
      }));
    });
    const values = await Promise.all(reads.map(({ read }) => read));
    const tokens = ids.map((id) => tokenizer.decode([id], { skipSpecialTokens: false }).trim());
    const n = ids.length;
    return values.flatMap((all, layer) =>
      Array.from({ length: heads }, (_, head) => ({
        layer,
        head,
        tokens,
        weights: tokens.map((_, i) => Array.from(all.subarray((head * n + i) * n, (head * n + i + 1) * n))),
      })),
    );
  } finally {
    for (const remove of hooks) remove();
    for (const { query, key } of caught) for (const x of [query, key]) x?.dispose();
  }
};

/** The head that looks most at other words: the most weight that a word gives to one other, averaged over the words. */
export const findLookingHead = (heads: readonly HeadAttention[]): HeadAttention => {
  const lookOf = ({ weights }: HeadAttention): number => {
    const words = weights.slice(1, -1);
    return (
      words.reduce((sum, row, at) => sum + Math.max(...row.slice(1, -1).filter((_, i) => i !== at)), 0) / words.length
    );
  };
  return heads.reduce((best, head) => (lookOf(head) > lookOf(best) ? head : best));
};
