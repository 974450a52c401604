// One batch and its parts are one step: parts weigh by their labels.
import {
  BatchSampler,
  ClassificationCollator,
  classificationBatches,
  classificationEpoch,
  evaluateClassification,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  Trainer,
  type BatchSource,
  type ClassificationBatch,
  type MaskedLMInputs,
  type TrainableModel,
  type TrainingProgress,
} from "@tessera/models";
import { AdamW, SGD } from "@tessera/nn";
import { cpu, Generator, setDefaultDevice, tensor, type Backend } from "@tessera/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { tinyConfig } from "./tiny-model.ts";

afterAll(() => setDefaultDevice(cpu));

const IDS = [
  [0, 5, 6, 7, 8, 2],
  [0, 9, 10, 11, 12, 2],
  [0, 13, 14, 15, 16, 2],
];
const L = -100;

/** Batches of these rows of masked labels. `counted` tells the trainer how many labels there are; else it counts them. */
const maskedBatches = (
  labels: readonly (readonly number[])[],
  batches: readonly (readonly number[])[],
  { counted = false, gathered = false } = {},
): BatchSource<MaskedLMInputs> => {
  let at = 0;
  const pick = (from: readonly (readonly number[])[], rows: readonly number[]): number[] =>
    rows.flatMap((row) => [...from[row]!]);
  return {
    next: () => {
      const rows = batches[at++ % batches.length]!;
      const flat = pick(labels, rows);
      const places = flat.flatMap((label, i) => (label === L ? [] : [i]));
      const inputs: MaskedLMInputs = {
        inputIds: tensor(new Int32Array(pick(IDS, rows)), [rows.length, 6]),
        labels: tensor(new Int32Array(flat), [rows.length, 6]),
        // The last place pads the list, as a batch of fixed size does; it has no label.
        ...(gathered ? { labelPositions: tensor(new Int32Array([...places, flat.length - 1])) } : {}),
      };
      return { inputs, tokens: flat.length, ...(counted ? { labelCount: places.length } : {}) };
    },
    state: 0,
    load: () => undefined,
  };
};

const maskedModel = () =>
  new RobertaForMaskedLM(tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, numHiddenLayers: 1 }), {
    generator: new Generator(7),
  });
const classifier = () =>
  new RobertaForSequenceClassification(
    tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, numHiddenLayers: 1, numLabels: 3 }),
    { generator: new Generator(7) },
  );

interface Trained {
  readonly seen: readonly TrainingProgress[];
  readonly weights: readonly number[];
}

/** Some steps of SGD from the same start: what was reported, and all weights. */
const train = async <Inputs>(
  make: () => TrainableModel<Inputs>,
  batches: BatchSource<Inputs>,
  gradientAccumulationSteps = 1,
  steps = 2,
): Promise<Trained> => {
  const model = make();
  const optimizer = new SGD(model.namedParameters(), { lr: 0.5 });
  const seen: TrainingProgress[] = [];
  const onProgress = (progress: TrainingProgress): void => void seen.push(progress);
  await new Trainer({
    model,
    optimizer,
    batches,
    steps,
    gradientAccumulationSteps,
    loggingSteps: 1,
    onProgress,
  }).train();
  const weights = (await Promise.all(model.parameters().map(async (x) => [...(await x.data())]))).flat();
  optimizer.dispose();
  model.dispose();
  return { seen, weights };
};

const expectSame = (got: Trained, want: Trained): void => {
  for (const [i, { loss, gradNorm }] of want.seen.entries()) {
    expect(got.seen[i]!.loss).toBeCloseTo(loss, 5);
    expect(got.seen[i]!.gradNorm).toBeCloseTo(gradNorm, 4);
  }
  expect(got.weights).toHaveLength(want.weights.length);
  expect(Math.max(...want.weights.map((weight, i) => Math.abs(weight - got.weights[i]!)))).toBeLessThan(1e-5);
};

skippedWithoutGpu("the same on webgpu");
describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("on %s", (_, device: Backend) => {
  const uneven = [
    [L, 5, 6, 7, 8, L],
    [L, 9, L, L, L, L],
    [L, L, L, L, L, L],
  ];
  it.each([{ counted: true }, { counted: false }, { counted: false, gathered: true }])(
    "rows of 4, 1 and 0 masked tokens one by one are the batch of all three, %j",
    (options) =>
      withoutLeaks(async () => {
        setDefaultDevice(device);
        const whole = await train(maskedModel, maskedBatches(uneven, [[0, 1, 2]], options));
        expectSame(await train(maskedModel, maskedBatches(uneven, [[0], [1], [2]], options), 3), whole);
        expectSame(await train(maskedModel, maskedBatches(uneven, [[2], [0, 1]], options), 2), whole);
      }),
  );

  it.each([true, false])(
    "a step without any label changes nothing and has no loss, counted by the source: %s",
    (counted) =>
      withoutLeaks(async () => {
        setDefaultDevice(device);
        const options = { counted };
        const once = await train(maskedModel, maskedBatches(uneven, [[0]], options), 1, 1);
        const { seen, weights } = await train(maskedModel, maskedBatches(uneven, [[0], [2]], options));
        expect(weights).toEqual(once.weights);
        expect(seen.map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual([
          [once.seen[0]!.loss, once.seen[0]!.gradNorm],
          [once.seen[0]!.loss, 0],
        ]);
      }),
  );

  it("texts of several classes, as three, as two and one, and one by one", () =>
    withoutLeaks(async () => {
      setDefaultDevice(device);
      const examples = IDS.map((ids, label) => ({ ids: ids.slice(label), label }));
      const by = (batchSize: number) =>
        classificationBatches({
          examples,
          sampler: new BatchSampler({ size: 3, batchSize, seed: 1, shuffle: false }),
          collator: new ClassificationCollator({ padTokenId: 1 }),
        });
      const whole = await train(classifier, by(3));
      expectSame(await train(classifier, by(2), 2), whole);
      expectSame(await train(classifier, by(1), 3), whole);
    }));
});

it("a text without a label is not evaluated", async () => {
  using model = classifier();
  const collator = new ClassificationCollator({ padTokenId: 1 });
  const examples = IDS.map((ids, label) => ({ ids, label }));
  const [batch] = [...classificationEpoch({ examples, collator, batchSize: 3 })] as [ClassificationBatch];
  const hidden = { ...batch, labels: new Int32Array([0, 1, -100]) };
  const two = classificationEpoch({ examples: examples.slice(0, 2), collator, batchSize: 1 });
  const expected = await evaluateClassification(model, two);
  const found = await evaluateClassification(model, [hidden]);
  expect(found.count).toBe(2);
  expect(found.accuracy).toBe(expected.accuracy);
  expect(found.loss).toBeCloseTo(expected.loss, 6);
});

it("parts of as many labels give the bits of a plain mean", async () => {
  const even = [
    [L, 5, 6, L, L, L],
    [L, 9, 10, L, L, L],
  ];
  const batches = (): BatchSource<MaskedLMInputs> => maskedBatches(even, [[0], [1]], { counted: true });
  const plain = (): BatchSource<MaskedLMInputs> => {
    const source = batches();
    return {
      ...source,
      // Inputs in which nothing is called labels weigh alike.
      next: () => {
        const { inputs, tokens } = source.next();
        return { inputs: { hidden: inputs } as unknown as MaskedLMInputs, tokens };
      },
    };
  };
  class Unwrapped extends RobertaForMaskedLM {
    override forward(inputs: MaskedLMInputs) {
      return super.forward((inputs as unknown as { hidden: MaskedLMInputs }).hidden);
    }
  }
  const unwrapped = () =>
    new Unwrapped(tinyConfig({ hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, numHiddenLayers: 1 }), {
      generator: new Generator(7),
    });
  const [counted, alike] = [await train(maskedModel, batches(), 2), await train(unwrapped, plain(), 2)];
  expect(counted.weights).toEqual(alike.weights);
});

it("decoupled decay and moments take no part in a step without labels", async () => {
  const model = maskedModel();
  const optimizer = new AdamW(model.namedParameters(), { lr: 0.1, weightDecay: 0.5 });
  const batches = maskedBatches([[L, 5, L, L, L, L], new Array<number>(6).fill(L)], [[0], [1]]);
  const trainer = (steps: number) => new Trainer({ model, optimizer, batches, steps });
  await trainer(1).train();
  const read = async () =>
    Promise.all(
      [...model.parameters(), ...optimizer.stateDict().tensors.values()]
        .slice(0, -1)
        .map(async (x) => [...(await x.data())]),
    );
  const before = await read();
  await trainer(1).train();
  expect(await read()).toEqual(before);
  optimizer.dispose();
  model.dispose();
});
