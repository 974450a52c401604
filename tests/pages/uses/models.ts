import {
  AutoModelForMaskedLM,
  BatchSampler,
  BertConfig,
  BertForMaskedLM,
  MemoryFolder,
  MlmCollator,
  maskedLMBatches,
  packTokenBlocks,
  readTextFile,
  RobertaForMaskedLM,
  Trainer,
} from "@tessera/models";
import { AdamW } from "@tessera/nn";
import { scope, tensor } from "@tessera/tensor";
import { find } from "./found.ts";

const messageOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => String(error),
  );

/** Trains, saves, loads, and compares logits; then asks for what only Node has. */
find(async () => {
  const config = new BertConfig({
    vocabSize: 40,
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 16,
    padTokenId: 1,
  });
  const model = new BertForMaskedLM(config);
  const blocks = packTokenBlocks([Array.from({ length: 40 }, (_, i) => 5 + (i % 30))], {
    length: 8,
    bosTokenId: 0,
    eosTokenId: 2,
  });
  const specialTokenIds = new Set([0, 1, 2, 3, 4]);
  const { status } = await new Trainer({
    model,
    optimizer: new AdamW(model.namedParameters(), { lr: 1e-2 }),
    batches: maskedLMBatches({
      blocks,
      sampler: new BatchSampler({ size: blocks.count, batchSize: 2, seed: 1 }),
      collator: new MlmCollator({ maskTokenId: 4, padTokenId: 1, vocabSize: 40, specialTokenIds }),
      seed: 1,
    }),
    steps: 3,
    folder: new MemoryFolder(),
    saveSteps: 1,
  }).train();
  const saved = new MemoryFolder();
  await model.savePretrained(saved);
  const { model: again } = await AutoModelForMaskedLM.fromPretrained(saved);
  const logitsOf = (one: typeof again) =>
    scope(() => ({
      data: one
        .eval()
        .forward({ inputIds: tensor(new Int32Array([0, 4, 9, 2]), [1, 4]) })
        .logits!.data(),
    })).data;
  const [was, is] = [await logitsOf(model), await logitsOf(again)];
  return {
    status,
    sameLogits: was.length === 160 && was.every((x, i) => x === is[i]),
    folder: await messageOf(RobertaForMaskedLM.fromPretrained("runs/mine")),
    text: await messageOf(readTextFile("corpus.txt")),
  };
});
