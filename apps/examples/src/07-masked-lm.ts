// Masked language modelling: a tiny RoBERTa learns to tell which token is hidden, from a page of text.
import { BatchSampler, MlmCollator, packTokenBlocks, SeededRandom } from "@tessera/models/data";
import { RobertaConfig, RobertaForMaskedLM } from "@tessera/models/roberta";
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";
import { maskedLMBatches, Trainer, weightDecayGroups } from "@tessera/models/training";
import { AdamW, linearWarmup } from "@tessera/nn";
import { manualSeed, scope, select, tensor } from "@tessera/tensor";

const seed = 1;
manualSeed(seed);

// A language of a few words: who eats what.
const diets = [
  ["the cat", "fish"],
  ["the cow", "grass"],
  ["the bird", "seeds"],
  ["the fox", "birds"],
] as const;
const random = new SeededRandom(seed, "texts");
const texts = Array.from({ length: 400 }, () => {
  const [animal, food] = diets[random.nextInt(diets.length)]!;
  return `${animal} eats ${food}`;
});

const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(texts, { vocabSize: 320 }));
const { bosTokenId, eosTokenId, maskTokenId, padTokenId, specialTokenIds, vocabSize } = tokenizer;

// One long stream of tokens, cut into blocks of 16: nothing is padding.
const length = 16;
const blocks = packTokenBlocks(
  texts.map((text) => tokenizer.encodeToIds(text)),
  { length, bosTokenId, eosTokenId },
);
console.log(`${blocks.count} blocks of ${length} tokens`);

const model = new RobertaForMaskedLM(
  new RobertaConfig({
    vocabSize,
    hiddenSize: 64,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 128,
    maxPositionEmbeddings: length + 2,
    typeVocabSize: 1,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
  }),
);

// Batches are endless and know where they stand, so a training that is saved goes on exactly where it was.
const batches = maskedLMBatches({
  blocks,
  sampler: new BatchSampler({ size: blocks.count, batchSize: 32, seed }),
  collator: new MlmCollator({ maskTokenId, padTokenId, specialTokenIds, vocabSize, maskProbability: 0.3 }),
  seed,
});

const steps = 500;
const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 5e-3, betas: [0.9, 0.98] });
const trainer = new Trainer({
  model,
  optimizer,
  schedule: linearWarmup(optimizer, { warmupSteps: 20, totalSteps: steps }),
  batches,
  steps,
  maxGradNorm: 1,
  loggingSteps: 100,
  onProgress: ({ step, loss }) => console.log(`step ${step}: loss ${loss.toFixed(2)}`),
});
await trainer.train();

/** The text with the likeliest token in the place of its mask. */
const fillMask = async (text: string): Promise<string> => {
  const { ids } = tokenizer.encode(text);
  const scores = await scope(() => {
    const { logits } = model.forward({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) });
    return { read: select(select(logits!, 0, 0), 0, ids.indexOf(maskTokenId)).data() };
  }).read;
  const best = scores.indexOf(Math.max(...scores));
  return tokenizer.decode(ids.map((id) => (id === maskTokenId ? best : id)));
};

model.eval();
for (const text of ["the cow eats<mask>", "the<mask> eats seeds"]) console.log(`${text} → ${await fillMask(text)}`);
optimizer.dispose();
model.dispose();
