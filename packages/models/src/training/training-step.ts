import { valueAndGrad, type Gradients } from "@tessera/autograd";
import { clipGradNorm, type DistilledOutput, type Optimizer } from "@tessera/nn";
import { add, div, full, gt, keep, maskedFill, logicalNot, mul, scope, Tensor } from "@tessera/tensor";
import type { BatchSource } from "./batch-source.ts";
import { countLabels, type LabelCount } from "./count-labels.ts";
import { inputsOfTeacher, taughtLoss, type Teacher } from "./teacher.ts";
import type { TrainableModel } from "./trainer-options.ts";
import { TrainingError } from "./training-error.ts";

export interface TrainingStepOptions<Inputs> {
  readonly model: TrainableModel<Inputs>;
  readonly optimizer: Optimizer;
  readonly batches: BatchSource<Inputs>;
  /** Batches of one step. */
  readonly accumulation: number;
  readonly maxGradNorm: number;
  readonly teacher?: Teacher<Inputs> | undefined;
  /** Sees the gradients before the update. */
  readonly onGradients: (gradients: Gradients) => void;
}

/** What a step leaves behind; its tensors may still be computed. The scope around owns them. */
export interface StepResult {
  /** Of each batch, as its part of the step's: they add up to the mean over all labels. Shape: []. */
  readonly losses: readonly Tensor[];
  /** Of the gradient, before clipping. Shape: []. */
  readonly norm: Tensor;
  /** Of all batches. */
  readonly labels: LabelCount;
  readonly tokens: number;
}

/** The part of a batch in the loss of its step. */
interface Share {
  readonly labels: LabelCount;
  readonly weight: number | Tensor;
}

/**
 * Steps of a training: the gradient of the mean loss over all labels of some batches, clipped, and the update. One batch and its
 * parts give the same step, because each part weighs by its labels; a batch without any counts nothing, and a step without any
 * changes nothing.
 *
 * From the first loss or gradient on that is not finite, no step changes anything: whether all was finite so far is a number on the
 * device that every update is multiplied by, so that nothing waits for it.
 */
export class TrainingStep<Inputs> {
  private readonly options: TrainingStepOptions<Inputs>;
  private readonly lossAndGrads: (inputs: Inputs, share: Share) => { value: Tensor; grads: Gradients };
  /** 0 as long as all losses and gradients were finite, then NaN. Shape: []. */
  private finiteSoFar: Tensor | null = null;
  private step = 0;

  constructor(options: TrainingStepOptions<Inputs>) {
    this.options = options;
    this.lossAndGrads = valueAndGrad(options.model, (inputs: Inputs, share: Share) =>
      shareOf(this.lossOf(inputs), share),
    );
  }

  /** Draws the batches, and launches all that follows from them. `step` is for messages. */
  launch(step: number): StepResult {
    this.step = step;
    const { batches, optimizer, accumulation, maxGradNorm, onGradients } = this.options;
    return scope(() => {
      const drawn = Array.from({ length: accumulation }, () => batches.next());
      const { shares, labels } = weigh(drawn.map(countLabels));
      let total: Gradients | null = null;
      const losses: Tensor[] = [];
      for (const [i, { inputs }] of drawn.entries()) {
        const { value, grads } = this.lossAndGrads(inputs, shares[i]!);
        losses.push(value);
        if (total) total.add(grads);
        else total = grads;
      }
      const norm = clipGradNorm(total!, maxGradNorm);
      this.gate(total!, losses, labels);
      onGradients(total!);
      optimizer.step(total!);
      return { losses, norm, labels, tokens: drawn.reduce((sum, { tokens }) => sum + tokens, 0) };
    });
  }

  /** Forgets what was not finite. */
  dispose(): void {
    this.finiteSoFar?.dispose();
    this.finiteSoFar = null;
  }

  /** The loss of one batch. */
  private lossOf(inputs: Inputs): Tensor {
    const { model, teacher } = this.options;
    if (!teacher) return this.lossIn(model.forward(inputs));
    const asked = inputsOfTeacher(teacher, inputs);
    // What a student gives beside its loss, its teacher's loss asks for, and says so where it is not there.
    const output: Tensor | (DistilledOutput & { readonly loss?: Tensor }) = model.forward(asked);
    return taughtLoss(teacher, asked, output, () => this.lossIn(output));
  }

  private lossIn(output: Tensor | { readonly loss?: Tensor }): Tensor {
    const loss = output instanceof Tensor ? output : output.loss;
    if (!loss)
      throw new TrainingError(
        "Trainer: expected a model that gives a loss, got an output without; are there labels in the batch?",
        this.step,
      );
    return loss;
  }

  /** Makes the scale NaN, and with it the update nothing, unless all losses and gradients are finite and were before. */
  private gate(grads: Gradients, losses: readonly Tensor[], labels: LabelCount): void {
    const [scale, finite] = scope(() => {
      // The clip is NaN already when the gradient is not finite. What is finite times 0 is 0, and adding that changes no bit.
      let sum = losses.reduce((sum, loss) => add(sum, mul(loss, 0)), grads.scale!);
      if (this.finiteSoFar) sum = add(sum, this.finiteSoFar);
      const finite = keep(mul(sum, 0));
      if (labels === 0) return [full([], NaN, { device: sum.device }), finite] as const;
      return [labels instanceof Tensor ? maskedFill(sum, isZero(labels), NaN) : sum, finite] as const;
    });
    grads.scale!.dispose();
    grads.scale = scale;
    this.finiteSoFar?.dispose();
    this.finiteSoFar = finite;
  }
}

const isZero = (count: Tensor): Tensor => logicalNot(gt(count, 0));

/** What each batch weighs: its labels in all of them. Batches of which nothing is known weigh alike. */
const weigh = (counts: readonly LabelCount[]): { shares: Share[]; labels: LabelCount } => {
  const { length } = counts;
  const known = counts.flatMap((count) => (count === null ? [] : [count]));
  if (known.length < length) return { shares: counts.map(() => ({ labels: null, weight: 1 / length })), labels: null };
  const numbers = known.flatMap((count) => (typeof count === "number" ? [count] : []));
  if (numbers.length === length) {
    const total = numbers.reduce((sum, count) => sum + count, 0);
    return { shares: numbers.map((labels) => ({ labels, weight: labels / Math.max(total, 1) })), labels: total };
  }
  const { device } = known.find((count) => count instanceof Tensor)!;
  const onDevice = known.map((count) => (count instanceof Tensor ? count : full([], count, { device })));
  const total = onDevice.reduce((sum, count) => add(sum, count));
  const shares = onDevice.map((labels) => ({ labels, weight: length === 1 ? 1 : div(labels, total) }));
  return { shares, labels: total };
};

/** weight · loss; 0, not 0 · NaN, for a batch without labels. */
const shareOf = (loss: Tensor, { labels, weight }: Share): Tensor => {
  const part = weight === 1 ? loss : mul(loss, weight);
  if (labels === 0) return maskedFill(part, full([], 1, { dtype: "bool", device: loss.device }), 0);
  return labels instanceof Tensor ? maskedFill(part, isZero(labels), 0) : part;
};
