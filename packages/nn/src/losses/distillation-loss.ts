import {
  add,
  ArgumentError,
  cast,
  div,
  logSoftmax,
  mean,
  mul,
  reshape,
  ShapeError,
  square,
  stopGradient,
  sub,
  sum,
  Tensor,
} from "@tessera/tensor";
import { namedScope, sameShape, showShape } from "@tessera/tensor/extend";
import { klDiv } from "./kl-div.ts";
import { checkOperands } from "./reduction.ts";

/** What of a model's output a student is taught. */
export interface DistilledOutput {
  /** Shape: `[…, classes]`. */
  readonly logits?: Tensor | undefined;
  /** The embeddings, then the output of each layer. Shape: `[…, hidden]` each. */
  readonly hiddenStates?: readonly Tensor[] | undefined;
}

export interface DistillationOptions {
  /** T: both distributions are softened by it. 2 unless said otherwise. */
  readonly temperature?: number | undefined;
  /** What the match of hidden states weighs beside that of the logits; 0, not at all, unless said otherwise. */
  readonly hidden?: number | undefined;
  /** Which rows of logits count, as bool, or 0 and 1. Shape: that of the logits without classes. All unless given. */
  readonly mask?: Tensor | undefined;
  /** Which rows of hidden states count, likewise: those of tokens, not of padding. */
  readonly hiddenMask?: Tensor | undefined;
}

/**
 * How far a student is from its teacher: T² · KL(softmax(z_teacher / T) ‖ softmax(z_student / T)), its mean over rows, and, where `hidden`
 * is above 0, `hidden` · the mean squared difference of hidden states. T² keeps the gradients' size beside those of a loss of labels. A
 * student of fewer layers is compared with the teacher's layers at even distances. No gradient flows into the teacher.
 *
 * Shape: logits `[…, classes]`, equal → [].
 * {@link https://arxiv.org/abs/1503.02531 Hinton, Vinyals and Dean 2015}; hidden states, and layers at even distances:
 * {@link https://arxiv.org/abs/1909.10351 Jiao et al. 2020} (TinyBERT)
 *
 * @throws ShapeError when the outputs of student and teacher, or a mask, do not fit together.
 * @throws ArgumentError when an option is outside its domain, or an output lacks what is compared.
 * @example
 * const soft = distillationLoss(student.forward(batch).logits, teacher.forward(batch).logits, { temperature: 2 });
 * const loss = add(mul(hard, 0.5), mul(soft, 0.5));
 */
export const distillationLoss = (
  student: Tensor | DistilledOutput,
  teacher: Tensor | DistilledOutput,
  { temperature = 2, hidden = 0, mask, hiddenMask }: DistillationOptions = {},
): Tensor => {
  if (!(temperature > 0 && temperature < Infinity))
    throw new ArgumentError(`distillationLoss: expected a temperature above 0, got ${temperature}`);
  if (!(hidden >= 0 && hidden < Infinity))
    throw new ArgumentError(`distillationLoss: expected a weight of hidden states of 0 or more, got ${hidden}`);
  const [pupil, model] = [outputOf(student), outputOf(teacher)];
  return namedScope("distillationLoss", () => {
    const soft = softLoss(present("logits", pupil.logits, model.logits), temperature, mask);
    if (hidden === 0) return soft;
    const states = present("hiddenStates", pupil.hiddenStates, model.hiddenStates);
    return add(soft, mul(hiddenLoss(states, hiddenMask), hidden));
  });
};

const outputOf = (output: Tensor | DistilledOutput): DistilledOutput =>
  output instanceof Tensor ? { logits: output } : output;

/** What both outputs have. */
const present = <T>(name: string, student: T | undefined, teacher: T | undefined): readonly [T, T] => {
  if (student !== undefined && teacher !== undefined) return [student, teacher];
  const who = student === undefined ? "student" : "teacher";
  throw new ArgumentError(
    `distillationLoss: expected ${name} in the output of both models, got none of the ${who}; ask its forward for them`,
  );
};

/** T² · KL of each row, and its mean over the rows that count. */
const softLoss = ([student, teacher]: readonly [Tensor, Tensor], temperature: number, mask?: Tensor): Tensor => {
  checkOperands("distillationLoss", student, teacher);
  const target = stopGradient(logSoftmax(div(teacher, temperature)));
  const losses = klDiv(logSoftmax(div(student, temperature)), target, { reduction: "none", logTarget: true });
  return mul(meanOfRows(sum(losses, { dim: -1 }), mask), temperature ** 2);
};

/** The mean over layers of the mean squared difference. */
const hiddenLoss = (
  [student, teacher]: readonly [readonly Tensor[], readonly Tensor[]],
  mask: Tensor | undefined,
): Tensor => {
  if (student.length === 0 || teacher.length < student.length)
    throw new ArgumentError(
      `distillationLoss: expected at least as many hidden states of the teacher as of the student, got ${teacher.length} and ${student.length}`,
    );
  const step = (teacher.length - 1) / Math.max(student.length - 1, 1);
  const losses = student.map((state, layer) => {
    const other = teacher[Math.round(layer * step)]!;
    checkOperands("distillationLoss", state, other);
    return meanOfRows(mean(square(sub(state, stopGradient(other))), { dim: -1 }), mask);
  });
  return div(
    losses.reduce((total, loss) => add(total, loss)),
    losses.length,
  );
};

/** The mean of the rows that a mask counts; NaN when it counts none. */
const meanOfRows = (rows: Tensor, mask: Tensor | undefined): Tensor => {
  if (!mask) return mean(rows);
  if (mask.numel() !== rows.numel() || !(sameShape(mask.shape, rows.shape) || mask.ndim === 1))
    throw new ShapeError(
      `distillationLoss: expected a mask ${showShape(rows.shape)} of the rows, got ${showShape(mask.shape)}`,
    );
  const counts = cast(reshape(mask, rows.shape), "float32");
  return div(sum(mul(rows, counts)), sum(counts));
};
