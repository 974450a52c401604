// Fine-tuning a model whose layers are block-sparse: patched, trained, saved, and read back as it was.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer } from "@tessera/models";
import { BatchSampler, ClassificationCollator, readTsv } from "@tessera/models/data";
import { RobertaConfig, RobertaForSequenceClassification } from "@tessera/models/roberta";
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";
import { classificationBatches, classificationEpoch, evaluateClassification, Trainer } from "@tessera/models/training";
import { AdamW, linearWarmup } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { manualSeed } from "@tessera/tensor";

const seed = 1;
manualSeed(seed);

// Labelled texts: label<TAB>text a line. A file of yours is read with readTsvFile.
const words = {
  animal: ["bird", "cat", "fish", "horse", "beetle", "snake"],
  tool: ["hammer", "saw", "wrench", "drill", "chisel", "pliers"],
} as const;
const lines = Object.entries(words).flatMap(([label, nouns]) =>
  nouns.flatMap((noun) => [`${label}\ta small ${noun}`, `${label}\tan old ${noun}`, `${label}\tthe ${noun} there`]),
);
const { labels, examples } = await readTsv(lines.join("\n"));
const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(lines, { vocabSize: 320 }));
const encoded = examples.map(({ text, label }) => ({ ids: tokenizer.encode(text, { maxLength: 16 }).ids, label }));

const model = new RobertaForSequenceClassification(
  new RobertaConfig({
    vocabSize: tokenizer.vocabSize,
    hiddenSize: 32,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 128,
    maxPositionEmbeddings: 18,
    typeVocabSize: 1,
    hiddenDropoutProb: 0,
    attentionProbsDropoutProb: 0,
    id2label: Object.fromEntries(labels.entries()),
  }),
);

// Here the weights are new; with a pre-trained model it is `fromPretrained` and the same lines.
const before = model.numParameters();
new BlockSparseModelPatcher()
  .addPattern(/roberta\.encoder\..*\.dense/, { density: 0.5, blockSize: 8 })
  .patchModel(model);
console.log(`parameters: ${before} → ${model.numParameters()}`);

// The optimiser is made after patching: it keeps moments for the stored blocks alone.
const steps = 60;
const optimizer = new AdamW(model.namedParameters(), { lr: 5e-3, betas: [0.9, 0.98], weightDecay: 0.01 });
const collator = new ClassificationCollator({ padTokenId: tokenizer.padTokenId });
const sampler = new BatchSampler({ size: encoded.length, batchSize: 12, seed });
const trainer = new Trainer({
  model,
  optimizer,
  schedule: linearWarmup(optimizer, { warmupSteps: 4, totalSteps: steps }),
  batches: classificationBatches({ examples: encoded, sampler, collator }),
  steps,
  maxGradNorm: 1,
});
const { loss } = await trainer.train();
const accuracyOf = async (one: RobertaForSequenceClassification): Promise<number> =>
  (await evaluateClassification(one, classificationEpoch({ examples: encoded, collator, batchSize: 16 }))).accuracy;
const accuracy = await accuracyOf(model);
console.log(`loss ${loss!.toFixed(2)}, accuracy on what it learned: ${accuracy}`);

// The folder has its blocks' layout, so nothing has to be patched by hand again.
const folder = await mkdtemp(join(tmpdir(), "tessera-"));
try {
  await model.savePretrained(folder, { files: tokenizer.toFiles() });
  const { model: again } = await RobertaForSequenceClassification.fromPretrained(folder);
  const same = (await accuracyOf(again)) === accuracy && again.numParameters() === model.numParameters();
  console.log(`read back: same accuracy and parameters: ${same}`);
  console.log(`its tokenizer: ${(await loadTokenizer(folder)).vocabSize} tokens`);
  again.dispose();
} finally {
  await rm(folder, { recursive: true });
}
optimizer.dispose();
model.dispose();
