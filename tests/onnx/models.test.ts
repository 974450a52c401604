import {
  BertConfig,
  BertForSequenceClassification,
  DistilBertConfig,
  DistilBertForMaskedLM,
  GPT2Config,
  GPT2LMHeadModel,
  LlamaConfig,
  LlamaForCausalLM,
  RobertaConfig,
  RobertaForMaskedLM,
  RobertaForQuestionAnswering,
  ViTConfig,
  ViTForImageClassification,
  type PreTrainedModel,
} from "@tessera/models";
import { exportModel, exportOnnx } from "@tessera/models/onnx";
import { avgPool2d, BatchNorm2d, Conv2d, Linear, maxPool2d, ModuleList, type Module } from "@tessera/nn";
import { BlockSparseModelPatcher } from "@tessera/sparse";
import { flatten, Generator, randn, relu, scope, tensor, type Tensor } from "@tessera/tensor";
import { expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { runOnnx, withOnnxRuntime } from "./runtime.ts";

const text = {
  vocabSize: 90,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 64,
  maxPositionEmbeddings: 40,
};
const options = (): { generator: Generator } => ({ generator: new Generator(7) });
const models: { readonly [name: string]: () => PreTrainedModel } = {
  RobertaForMaskedLM: () => new RobertaForMaskedLM(new RobertaConfig({ ...text, padTokenId: 1 }), options()),
  RobertaForQuestionAnswering: () => new RobertaForQuestionAnswering(new RobertaConfig(text), options()),
  BertForSequenceClassification: () => new BertForSequenceClassification(new BertConfig(text), options()),
  DistilBertForMaskedLM: () =>
    new DistilBertForMaskedLM(
      new DistilBertConfig({ vocabSize: 90, dim: 32, nLayers: 2, nHeads: 4, hiddenDim: 64, maxPositionEmbeddings: 40 }),
      options(),
    ),
  GPT2LMHeadModel: () =>
    new GPT2LMHeadModel(new GPT2Config({ vocabSize: 90, nEmbd: 32, nLayer: 2, nHead: 4, nPositions: 40 }), options()),
  LlamaForCausalLM: () => new LlamaForCausalLM(new LlamaConfig({ ...text, numKeyValueHeads: 2 }), options()),
  ViTForImageClassification: () =>
    new ViTForImageClassification(
      new ViTConfig({
        hiddenSize: 32,
        numHiddenLayers: 2,
        numAttentionHeads: 4,
        intermediateSize: 64,
        imageSize: 16,
        patchSize: 4,
      }),
      options(),
    ),
};

const OUTPUTS: { readonly [file: string]: string } = {
  logits: "logits",
  start_logits: "startLogits",
  end_logits: "endLogits",
};

/** Inputs of sizes that no trial of the export has; the last text is half padding. */
const inputsFor = (model: PreTrainedModel, batch: number, tokens: number): { [name: string]: Tensor } => {
  if (model instanceof ViTForImageClassification)
    return { pixel_values: randn([batch, 3, 16, 16], { generator: new Generator(3) }) };
  const isPadding = (i: number): boolean => i >= batch * tokens - Math.floor(tokens / 2);
  const count = batch * tokens;
  const ids = Int32Array.from({ length: count }, (_, i) => (isPadding(i) ? 1 : 4 + ((i * 37) % 80)));
  const mask = Int32Array.from({ length: count }, (_, i) => Number(!isPadding(i)));
  const hasTypes = ((model.config as { typeVocabSize?: number }).typeVocabSize ?? 1) > 1;
  const types = Int32Array.from({ length: count }, (_, i) => i % 2);
  return {
    input_ids: tensor(ids, [batch, tokens]),
    attention_mask: tensor(mask, [batch, tokens]),
    ...(hasTypes ? { token_type_ids: tensor(types, [batch, tokens]) } : {}),
  };
};

const ours = (model: PreTrainedModel, inputs: { [name: string]: Tensor }): { [name: string]: Tensor } => {
  const any = model as unknown as { forward: (inputs: object) => { [name: string]: Tensor } };
  const { input_ids: inputIds, attention_mask: attentionMask, token_type_ids: tokenTypeIds } = inputs;
  const { pixel_values: pixelValues } = inputs;
  return any.forward(pixelValues ? { pixelValues } : { inputIds, attentionMask, tokenTypeIds });
};

const compare = async (model: PreTrainedModel, bytes: Uint8Array, batch: number, tokens: number): Promise<void> => {
  const made = scope(() => {
    const inputs = inputsFor(model, batch, tokens);
    return { inputs, outputs: ours(model, inputs) };
  });
  const theirs = await runOnnx(bytes, made.inputs);
  for (const [file, { data, dims }] of Object.entries(theirs)) {
    const mine = made.outputs[OUTPUTS[file]!]!;
    expect(dims, file).toEqual(mine.shape);
    const wanted = await mine.data();
    const worst = Math.max(...Array.from(wanted, (x, i) => Math.abs(x - Number(data[i]))));
    expect(worst, `${file} [${dims.join()}]`).toBeLessThan(1e-4);
    // A constant output would agree with anything.
    if (wanted.length > 1) expect(new Set(wanted).size).toBeGreaterThan(1);
  }
  for (const x of [...Object.values(made.inputs), ...Object.values(made.outputs)]) x.dispose();
};

withOnnxRuntime("models exported to ONNX, run by ONNX Runtime", () => {
  it.each(Object.keys(models))("%s has our logits, for any batch and length", (name) =>
    withoutLeaks(async () => {
      const model = models[name]!().eval();
      const bytes = await exportModel(model);
      for (const [batch, tokens] of [
        [1, 1],
        [3, 9],
        [2, 24],
      ] as const)
        await compare(model, bytes, batch, tokens);
      model.dispose();
    }),
  );

  it.each(["RobertaForMaskedLM", "GPT2LMHeadModel", "LlamaForCausalLM", "ViTForImageClassification"])(
    "%s has our logits when patched, dense and by sparse initializers",
    (name) =>
      withoutLeaks(async () => {
        const model = models[name]!().eval();
        const patcher = new BlockSparseModelPatcher();
        patcher.addPattern(/.*(dense|query|value|c_fc|c_attn|q_proj|up_proj|down_proj)/, {
          density: 0.4,
          blockSize: 8,
        });
        patcher.patchModel(model);
        const [dense, sparse] = [await exportModel(model), await exportModel(model, { sparseInitializers: true })];
        expect(sparse.length).not.toBe(dense.length);
        for (const bytes of [dense, sparse]) await compare(model, bytes, 2, 6);
        model.dispose();
      }),
  );

  it("a CNN with batch norms and pools has our numbers, for any batch", () =>
    withoutLeaks(async () => {
      const generator = new Generator(4);
      const [first, norm] = [new Conv2d(3, 8, 3, { padding: 1, generator }), new BatchNorm2d(8)];
      const [second, last] = [
        new Conv2d(8, 8, 3, { groups: 2, stride: 2, generator }),
        new Linear(96, 5, { generator }),
      ];
      const layers = new ModuleList<Module>([first, norm, second, last]);
      const forward = (x: Tensor): Tensor => {
        const pooled = maxPool2d(relu(norm.forward(first.forward(x))), 3, { stride: 2, padding: 1, ceilMode: true });
        return last.forward(flatten(avgPool2d(second.forward(pooled), 2, { stride: 1, padding: 1 }), 1));
      };
      const image = (batch: number, seed: number): Tensor =>
        randn([batch, 3, 12, 10], { generator: new Generator(seed) });
      // A step in training moves the running statistics from 0 and 1.
      scope((): void => void forward(image(4, 1)));
      layers.eval();
      const bytes = await exportOnnx(layers, {
        sizes: ["batch"],
        inputs: ({ batch }) => ({ x: image(batch!, 2) }),
        forward: ({ x }) => ({ y: forward(x!) }),
      });
      const { x, mine } = scope(() => {
        const given = image(6, 3);
        return { x: given, mine: forward(given) };
      });
      const { y } = await runOnnx(bytes, { x });
      expect(y!.dims).toEqual([6, 5]);
      const wanted = await mine.data();
      expect(Math.max(...Array.from(wanted, (v, i) => Math.abs(v - Number(y!.data[i]))))).toBeLessThan(1e-4);
      x.dispose();
      mine.dispose();
      layers.dispose();
    }));
});
