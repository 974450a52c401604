// A small language model learns data/text.txt, with half of the blocks of its feed-forward layers. `npm run train` goes on where it stopped.
import { readFile } from "node:fs/promises";
import { BatchSampler, packCausalBlocks } from "@tessera/models/data";
import { generate } from "@tessera/models/generation";
import { GPT2Config, GPT2LMHeadModel } from "@tessera/models/gpt2";
import { ByteLevelBpeTokenizer, trainBpe } from "@tessera/models/tokenizers";
import { Trainer, weightDecayGroups, type BatchSource } from "@tessera/models/training";
import { AdamW, linearWarmup } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { manualSeed, tensor, type Tensor } from "@tessera/tensor";

const seed = 1;
const steps = Number(process.env["STEPS"] ?? 300);
const length = 32;
manualSeed(seed);

// The text, as numbers.
const lines = (await readFile("data/text.txt", "utf8")).split("\n").filter((line) => line !== "");
const tokenizer = ByteLevelBpeTokenizer.fromModel(trainBpe(lines, { vocabSize: 512 }));
const { eosTokenId, vocabSize } = tokenizer;
const blocks = packCausalBlocks(
  lines.map((line) => tokenizer.encodeToIds(line)),
  { length, eosTokenId },
);

// The model. Patterns say which layers are block-sparse; take the next statement away for a dense one.
const model = new GPT2LMHeadModel(new GPT2Config({ vocabSize, nEmbd: 64, nHead: 4, nLayer: 2, nPositions: 128 }));
const dense = model.numParameters();
new BlockSparseModelPatcher()
  .addPattern(/transformer\.h\.[0-9]+\.mlp\.(c_fc|c_proj)/, { density: 0.5, blockSize: 8 })
  .patchModel(model);
console.log(`${model.numParameters()} parameters of ${dense}, ${blocks.count} blocks of ${length} tokens`);

// What each step is given, and where that stands.
const sampler = new BatchSampler({ size: blocks.count, batchSize: 8, seed });
const batches: BatchSource<{ inputIds: Tensor; labels: Tensor }> = {
  next: () => {
    const rows = Array.from(sampler.next());
    const ids = rows.flatMap((row) => [...blocks.ids.subarray(row * length, (row + 1) * length)]);
    const inputIds = tensor(Int32Array.from(ids), [rows.length, length]);
    return { inputs: { inputIds, labels: inputIds }, tokens: ids.length };
  },
  get state() {
    return sampler.state;
  },
  load: (state) => sampler.load(state as typeof sampler.state),
};

// Ctrl-C saves and stops.
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const optimizer = new AdamW(weightDecayGroups(model, { weightDecay: 0.01 }), { lr: 3e-3 });
const { status, step, loss } = await new Trainer({
  model,
  optimizer,
  schedule: linearWarmup(optimizer, { warmupSteps: Math.min(20, steps), totalSteps: steps }),
  batches,
  steps,
  maxGradNorm: 1,
  folder: "runs/training",
  saveSteps: 100,
  loggingSteps: 20,
  onProgress: (at) =>
    console.log(`step ${at.step} of ${at.steps}: loss ${at.loss.toFixed(3)}, ${at.etaSeconds.toFixed(0)} s left`),
}).train({ resume: true, signal: stop.signal });
console.log(`${status} at step ${step}, loss ${loss?.toFixed(3)}`);

// A folder of Hugging Face's form, and a sentence.
await model.savePretrained("runs/model", { files: tokenizer.toFiles() });
const [ids] = await generate(model.eval(), [...tokenizer.encodeToIds("The")], { maxNewTokens: 24, eosTokenId });
console.log(tokenizer.decode(ids!, { skipSpecialTokens: true }));
