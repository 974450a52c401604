// A whole model made block-sparse: patterns name the layers, the plan says what will come of it, and then it is done at once.
import { RobertaConfig, RobertaForMaskedLM } from "@tessera/models/roberta";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { manualSeed } from "@tessera/tensor";

manualSeed(1);

// RoBERTa's shape, small enough for a second. `vocabSize: 52000, maxPositionEmbeddings: 514, numAttentionHeads: 12,
// numHiddenLayers: 6, typeVocabSize: 1` with the other defaults is the one of 83,504,416 parameters.
const config = new RobertaConfig({
  vocabSize: 1000,
  hiddenSize: 128,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 512,
  maxPositionEmbeddings: 66,
  typeVocabSize: 1,
});
const model = new RobertaForMaskedLM(config);
console.log(`Initial model parameters count=${model.numParameters()}`);

const patcher = new BlockSparseModelPatcher()
  .addPattern(/roberta\.encoder\.layer\.[0-9]+\.intermediate\.dense/, { density: 0.5, blockSize: 16 })
  .addPattern(/roberta\.encoder\.layer\.[0-9]+\.output\.dense/, { density: 0.5, blockSize: 16 })
  .addPattern(/roberta\.encoder\.layer\.[0-9]+\.attention\.output\.dense/, { density: 0.5, blockSize: 16 });

// Nothing has happened yet. A pattern that matches nothing, or a layer that cannot be patched, would be an error here.
const plan = patcher.plan(model);
console.log(plan.toString());

// All or nothing. Blocks stay where they are; those with the largest norms are kept.
patcher.patchModel(model);
console.log(`Final model parameters count=${model.numParameters()}`);

// Each of the 2 layers has lost half of 512 · 128 + 128 · 512 + 128 · 128 weights.
console.log(`as planned: ${model.numParameters() === plan.parameters.after}`);

// And back: dense layers again, with zeros where no block was kept.
patcher.unpatch(model);
console.log(`dense again: ${model.numParameters()}`);

// What cannot be done is said before anything is touched.
try {
  new BlockSparseModelPatcher().addPattern(/roberta\.decoder\..*/, { density: 0.5 }).plan(model);
} catch (error) {
  console.log(`error: ${(error as Error).message.slice(0, 120)} …`);
}
model.dispose();
