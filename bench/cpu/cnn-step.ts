import { valueAndGrad } from "@tessera/autograd";
import {
  BatchNorm2d,
  Conv2d,
  Identity,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  SGD,
  type TensorModule,
} from "@tessera/nn";
import {
  add,
  crossEntropy,
  flatten,
  Generator,
  mean,
  mul,
  ones,
  Parameter,
  randint,
  randn,
  reshape,
  rsqrt,
  scope,
  sub,
  variance,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { checkClose } from "../check.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import { race, speedUp } from "../timing.ts";

interface CnnSizes {
  readonly channels: readonly [number, number];
  readonly side: number;
  readonly batch: number;
}
const SIZES: CnnSizes = { channels: [8, 16], side: 28, batch: 64 };
const QUICK: CnnSizes = { channels: [4, 8], side: 8, batch: 4 };

/** Steps whose losses are compared before anything is timed. */
const CHECKED_STEPS = 4;
const LOSS_TOLERANCE = 1e-4;

/** Batch norm in training as a user writes it, of public ops. */
class ComposedBatchNorm extends Module {
  readonly weight: Parameter; // [channels]
  readonly bias: Parameter; // [channels]

  constructor(channels: number) {
    super();
    this.weight = new Parameter(ones([channels]));
    this.bias = new Parameter(zeros([channels]));
  }

  forward(x: Tensor): Tensor {
    const over = { dim: [0, 2, 3], keepdim: true };
    const onChannels = (each: Tensor): Tensor => reshape(each, [1, x.size(1), 1, 1]);
    const hat = mul(sub(x, mean(x, over)), rsqrt(add(variance(x, { ...over, correction: 0 }), 1e-5)));
    return add(mul(hat, onChannels(this.weight)), onChannels(this.bias));
  }
}

class Cnn extends Module {
  readonly features: Sequential;
  readonly head: Linear;

  constructor({ channels: [first, second], side }: CnnSizes, norm: (channels: number) => TensorModule) {
    super();
    const random = { generator: new Generator(1) };
    const block = (from: number, to: number): TensorModule[] => [
      new Conv2d(from, to, 3, { padding: 1, ...random }),
      norm(to),
      new ReLU(),
      new MaxPool2d(2),
    ];
    this.features = new Sequential(...block(1, first), ...block(first, second));
    this.head = new Linear(second * (side / 4) ** 2, 10, random);
  }

  forward(images: Tensor): Tensor {
    return this.head.forward(flatten(this.features.forward(images), 1));
  }
}

interface Training {
  /** @returns the loss */
  step(): number;
  dispose(): void;
}

const training = (sizes: CnnSizes, norm: (channels: number) => TensorModule): Training => {
  const model = new Cnn(sizes, norm);
  const optimizer = new SGD(model.namedParameters(), { lr: 0.01, momentum: 0.9 });
  const random = { generator: new Generator(2) };
  const images = randn([sizes.batch, 1, sizes.side, sizes.side], random);
  const labels = randint(0, 10, [sizes.batch], random);
  const lossAndGrads = valueAndGrad(model, () => crossEntropy(model.forward(images), labels));
  return {
    step: () =>
      scope(() => {
        const { value, grads } = lossAndGrads();
        optimizer.step(grads);
        return value.itemSync();
      }),
    dispose: () => {
      for (const each of [optimizer, model, images, labels]) each.dispose();
    },
  };
};

interface Record {
  readonly name: string;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly noisy: boolean;
  /** How many times as long as with the fused one. */
  readonly ratio: { readonly median: number; readonly best: number };
}

/** A small CNN's step with the fused batch norm, with one composed of public ops, and without any. */
export const cnnStep = async ({ threads, quick, pace, say }: Setting): Promise<Table> => {
  const sizes = quick ? QUICK : SIZES;
  say("training step of the CNN");
  const trainings: readonly (readonly [name: string, training: Training])[] = [
    ["fused", training(sizes, (channels) => new BatchNorm2d(channels))],
    ["composed", training(sizes, (channels) => new ComposedBatchNorm(channels))],
    ["no norm", training(sizes, () => new Identity())],
  ];
  const [fused, composed] = trainings.map(([, one]) => Array.from({ length: CHECKED_STEPS }, () => one.step()));
  for (const [i, loss] of fused!.entries())
    checkClose(`CNN: loss ${i + 1} with either norm`, loss, composed![i]!, LOSS_TOLERANCE);
  const timings = await race(
    trainings.map(([name, one]) => ({ name, run: () => one.step() })),
    pace,
  );
  for (const [, one] of trainings) one.dispose();
  const records = trainings.map(([name]): Record => {
    const timing = timings[name]!;
    return {
      name,
      medianMs: 1000 * timing.median,
      bestMs: 1000 * timing.best,
      noisy: timing.noisy,
      ratio: speedUp(timings["fused"]!, timing),
    };
  });
  const { channels, side, batch } = sizes;
  return makeTable(
    `Training step of a CNN, ${threads} ${threads === 1 ? "thread" : "threads"}: two blocks of convolution 3 × 3, batch norm, ReLU, pool, ${channels.join(" and ")} channels, ${batch} images of ${side} × ${side}, SGD`,
    records,
    columns,
    [
      "Losses of the fused and the composed norm are compared before anything is timed. What a norm costs is its step less the one without.",
      "Ratios: median of samples of the same round (best windows). ~: a noisy cell.",
    ],
  );
};

const columns: Column<Record>[] = [
  { label: "batch norm", cell: ({ name }) => name },
  {
    label: "step ms",
    cell: ({ medianMs, bestMs, noisy }) => `${noisy ? "~" : ""}${digits(medianMs)} (${digits(bestMs)})`,
  },
  { label: "as long as fused", cell: ({ ratio }) => `${digits(ratio.median)} (${digits(ratio.best)})` },
];
