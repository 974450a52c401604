import type { RobertaForMaskedLM } from "@tessera/models/roberta";
import type { ByteLevelBpeTokenizer } from "@tessera/models/tokenizers";
import { matmul, mul, reshape, scope, select, softmax, tensor, transpose, type Tensor } from "@tessera/tensor";
import { BLOCK_TOKENS } from "./model-kinds.ts";
import type { Gaze, Reading } from "./protocol.ts";

const GUESSES = 8;

/** What a visitor may type where a word is missing. */
const GAP = /<mask>|_{2,}|…|\?\?+/;

/** `softmax(q kᵀ/√d)` of one head. Shape: `[tokens, tokens]`. */
const attentionOf = (model: RobertaForMaskedLM, hidden: Tensor, layer: number, head: number): Tensor => {
  const { self } = [...model.roberta.encoder.layer][layer]!.attention;
  const { numAttentionHeads: heads, hiddenSize } = model.config;
  const size = hiddenSize / heads;
  const tokens = hidden.shape[1]!;
  const ofHead = (x: Tensor): Tensor => select(transpose(reshape(x, [tokens, heads, size]), 0, 1), 0, head);
  const [q, k] = [ofHead(self.query.forward(hidden)), ofHead(self.key.forward(hidden))];
  return softmax(mul(matmul(q, transpose(k, 0, 1)), 1 / Math.sqrt(size)), -1);
};

/** What the model makes of a sentence: whom each token looks at, and what it guesses in the gap. */
export const readSentence = async (
  model: RobertaForMaskedLM,
  tokenizer: ByteLevelBpeTokenizer,
  { sentence, layer, head }: Gaze,
): Promise<Reading> => {
  const { ids } = tokenizer.encode(sentence.replace(GAP, tokenizer.maskToken), { maxLength: BLOCK_TOKENS });
  const gap = ids.indexOf(tokenizer.maskTokenId);
  const { device } = model.parameters()[0]!;
  const { training } = model;
  model.eval();
  const read = scope(() => {
    const inputIds = tensor(Int32Array.from(ids), [1, ids.length], { device });
    const { logits, hiddenStates } = model.forward({ inputIds, outputHiddenStates: true });
    const { numHiddenLayers, numAttentionHeads } = model.config;
    const at = Math.min(layer, numHiddenLayers - 1);
    const attention = attentionOf(model, hiddenStates![at]!, at, Math.min(head, numAttentionHeads - 1));
    return {
      attention: attention.data(),
      probabilities: gap < 0 ? null : softmax(select(select(logits!, 0, 0), 0, gap), -1).data(),
    };
  });
  model.train(training);
  const [attention, probabilities] = await Promise.all([read.attention, read.probabilities]);
  const guesses = Array.from(probabilities ?? [], (probability, id) => ({ probability, id }))
    .filter(({ id }) => !tokenizer.specialTokenIds.has(id))
    .sort((a, b) => b.probability - a.probability || a.id - b.id)
    .slice(0, GUESSES)
    .map(({ probability, id }) => ({ token: tokenizer.decode([id]), probability }));
  return {
    tokens: ids.map((id) =>
      id === tokenizer.maskTokenId ? "▢" : tokenizer.decode([id], { skipSpecialTokens: false }).trim() || "␣",
    ),
    attention: Float32Array.from(attention),
    gap,
    guesses,
  };
};
