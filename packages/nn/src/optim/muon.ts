import {
  add,
  addmm,
  ArgumentError,
  clamp,
  diagonal,
  expand,
  eye,
  matmul,
  mul,
  neg,
  reciprocal,
  scope,
  select,
  sgdStep,
  ShapeError,
  sqrt,
  square,
  stack,
  sum,
  transpose,
  unsqueeze,
  type Parameter,
  type Shape,
  type StepState,
  type Tensor,
} from "@tessera/tensor";
import { showShape } from "@tessera/tensor/extend";
import { finiteScale } from "./clip-grad-norm.ts";
import { follow } from "./follow.ts";
import { Optimizer, type Update } from "./optimizer.ts";
import type { StateSpecs } from "./optimizer-state.ts";
import {
  withDefaults,
  type GroupOptions,
  type NamedParameters,
  type ParameterGroup,
  type SomeOf,
} from "./parameter-groups.ts";

/** How the learning rate follows from a matrix's shape: the rows of `learningRateFactors`. */
export type AdjustLr = "original" | "match_rms_adamw";

export interface MuonOptions {
  /** Learning rate η. */
  lr: number;
  /** Factor λ by which the parameter decays, as AdamW's. */
  weightDecay: number;
  /** How much of the running mean of the gradient is kept at each step. */
  momentum: number;
  /** Whether to look ahead by one step of the mean. */
  nesterov: boolean;
  /** The polynomial of a Newton-Schulz step: X ← aX + b(XXᵀ)X + c(XXᵀ)²X. */
  nsCoefficients: readonly [a: number, b: number, c: number];
  /** Newton-Schulz steps. */
  nsSteps: number;
  /** The smallest norm that an update is divided by. */
  eps: number;
  /** `"original"`: η√max(1, out/in), Jordan's. `"match_rms_adamw"`: 0.2η√max(out, in), whose updates are as large as AdamW's, with its rate and decay. */
  adjustLrFn: AdjustLr;
}

const learningRateFactors: { readonly [Name in AdjustLr]: (out: number, inputs: number) => number } = {
  original: (out, inputs) => Math.sqrt(Math.max(1, out / inputs)),
  match_rms_adamw: (out, inputs) => 0.2 * Math.sqrt(Math.max(out, inputs)),
};

/** Newton-Schulz steps that are multiplied together before a matrix is. More would lose digits of small singular values. */
const STEPS_TOGETHER = 3;
/** From this ratio of the longer side to the shorter one on, that takes fewer multiplications. */
const MIN_RATIO = 1.5;

/**
 * Muon, momentum orthogonalised by Newton-Schulz, for the matrices of hidden layers: with the mean M = μM + (1 − μ)G and
 * U = (1 − μ)G + μM when `nesterov`, else M, `W −= η(λW + f · orthogonal(U))`, where f follows from the shape; see `adjustLrFn`.
 *
 * `orthogonal` divides by the Frobenius norm, then brings all singular values near 1 by `nsSteps` polynomials of the matrix: only
 * products, all of one shape in one launch. It runs in float32, where torch rounds to bfloat16.
 *
 * A parameter of shape `[n, out, in]` is a stack of n matrices, each orthogonalised by itself: so the stored blocks of a
 * `BlockSparseLinear`, whose `values` are `[n, b, b]`, stay sparse. An orthogonal block has elements √(size/b) times those of an
 * orthogonal matrix of that size: lower `lr` for blocks, or set `adjustLrFn: "match_rms_adamw"`.
 *
 * Embeddings, norms, biases and classifiers belong to AdamW; `CombinedOptimizer` makes one optimiser of the two.
 *
 * Source: {@link https://kellerjordan.github.io/posts/muon/ Jordan et al. 2024}, {@link https://arxiv.org/abs/2502.16982 Liu et al. 2025}
 * and {@link https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html torch.optim.Muon}.
 *
 * @throws ShapeError when a parameter is no matrix and no stack of them; ArgumentError when an option is outside its domain.
 * @example
 * const optimizer = new Muon(new Map([["weight", layer.weight]]), { lr: 0.01, nsSteps: 3 });
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: NamedParameters | readonly GroupOptions<MuonOptions>[], options: SomeOf<MuonOptions> = {}) {
    super(
      params,
      withDefaults<MuonOptions>(
        {
          lr: 1e-3,
          weightDecay: 0.1,
          momentum: 0.95,
          nesterov: true,
          nsCoefficients: [3.4445, -4.775, 2.0315],
          nsSteps: 5,
          eps: 1e-7,
          adjustLrFn: "original",
        },
        options,
      ),
    );
    for (const group of this.groups) checkGroup(group);
  }

  protected override stateSpecs({ shape }: Parameter): StateSpecs {
    checkMatrix("the parameter", shape);
    return { momentumBuffer: { shape, dtype: "float32" } };
  }

  protected override update(
    group: ParameterGroup<MuonOptions>,
    updates: readonly Update[],
    { count, scale, lr }: StepState,
  ): void {
    const { momentum, weightDecay, nesterov } = group;
    scope((): void => {
      const mean = { rate: 1 - momentum, minusFactor: neg(scale) };
      const buffersOf = (some: readonly Update[]): Tensor[] => some.map(({ state }) => state["momentumBuffer"]!);
      const gradientsOf = (some: readonly Update[]): Tensor[] => some.map(({ gradient }) => gradient);
      follow(buffersOf(updates), gradientsOf(updates), mean);
      const ordered = [...byShape(updates)];
      const stacks = ordered.map((same) => stack(buffersOf(same)));
      // (1 − μ)sG + μM: the same again.
      if (nesterov)
        follow(
          stacks,
          ordered.map((same) => stack(gradientsOf(same))),
          mean,
        );
      const steps = stacks.flatMap((stacked) => unstack(orthogonal(stacked, group)));
      // W − η(λW + D), and the count of steps rises.
      sgdStep(
        ordered.flat().map(({ parameter }, i) => ({ parameter, grad: steps[i]! })),
        { count, scale: finiteScale(scale), lr },
        { momentum: 0, dampening: 0, weightDecay, nesterov: false },
      );
    });
  }
}

/** The tensors of a stack, as views. */
const unstack = (stacked: Tensor): Tensor[] => Array.from({ length: stacked.size(0) }, (_, i) => select(stacked, 0, i));

const checkMatrix = (name: string, shape: Shape): void => {
  if (shape.length !== 2 && shape.length !== 3)
    throw new ShapeError(
      `Muon: expected matrices [out, in] or stacks of them [n, out, in], got ${name} of shape ${showShape(shape)}; give it to AdamW, see CombinedOptimizer`,
    );
};

const checkGroup = (group: ParameterGroup<MuonOptions>): void => {
  const { params, lr, weightDecay, momentum, nsCoefficients, nsSteps, eps, adjustLrFn } = group;
  for (const [name, { shape }] of params) checkMatrix(name, shape);
  if (!(lr >= 0 && weightDecay >= 0 && eps >= 0))
    throw new ArgumentError(
      `Muon: expected lr, weightDecay and eps of 0 or more, got ${lr}, ${weightDecay} and ${eps}`,
    );
  if (!(momentum >= 0 && momentum < 1))
    throw new ArgumentError(`Muon: expected a momentum from 0 up to 1, got ${momentum}`);
  if (!(Number.isInteger(nsSteps) && nsSteps >= 1 && nsSteps < 100))
    throw new ArgumentError(`Muon: expected nsSteps to be a whole number from 1 to 99, got ${nsSteps}`);
  if (nsCoefficients.length !== 3 || !nsCoefficients.every(Number.isFinite))
    throw new ArgumentError(`Muon: expected three finite nsCoefficients, got ${nsCoefficients.join(", ")}`);
  if (!Object.hasOwn(learningRateFactors, adjustLrFn))
    throw new ArgumentError(
      `Muon: expected adjustLrFn to be one of ${Object.keys(learningRateFactors).join(", ")}, got ${adjustLrFn}`,
    );
};

/** Those whose parameters have one shape go through the products together. */
const byShape = (updates: readonly Update[]): Iterable<readonly Update[]> => {
  const groups = new Map<string, Update[]>();
  for (const update of updates) {
    const key = update.parameter.shape.join();
    const others = groups.get(key);
    if (others) others.push(update);
    else groups.set(key, [update]);
  }
  return groups.values();
};

/** The trace of a stack of matrices. Shape: [..., n, n] → [..., 1, 1]. */
const traceOf = (x: Tensor): Tensor => unsqueeze(sum(diagonal(x, 0, -2, -1), { dim: -1, keepdim: true }), -1);

/**
 * f · orthogonal(U). A step is X ← Q X for Q = aI + bA + cA² and A = XXᵀ, or X Q and XᵀX where X is tall, so that Q has the shorter
 * side. The next A is Q A Q, since Q and A commute: of long matrices, a few steps are multiplied together before X is.
 *
 * Shape: [..., out, in] → same.
 */
const orthogonal = (
  u: Tensor,
  { nsCoefficients: [a, b, c], nsSteps, eps, adjustLrFn }: Omit<MuonOptions, "lr" | "weightDecay">,
): Tensor =>
  scope(() => {
    const [out, inputs] = u.shape.slice(-2) as [number, number];
    const isTall = out > inputs;
    const [short, long] = isTall ? [inputs, out] : [out, inputs];
    const together = long > MIN_RATIO * short ? STEPS_TOGETHER : 1;
    const gramOf = (x: Tensor): Tensor => (isTall ? matmul(transpose(x, -1, -2), x) : matmul(x, transpose(x, -1, -2)));
    const identity = eye(short, { device: u.device });
    const aI = expand(mul(identity, a), [...u.shape.slice(0, -2), short, short]);
    const bI = mul(identity, b);
    let [x, gram] = [u, gramOf(u)];
    // The first product divides by the Frobenius norm, whose square is the trace.
    const size = reciprocal(clamp(sqrt(traceOf(gram)), eps));
    gram = mul(gram, square(size));
    for (let left = nsSteps; left > 0; left -= together) {
      if (left < nsSteps) gram = gramOf(x);
      let product: Tensor | null = null;
      for (let step = Math.min(left, together); step > 0; step--) {
        const q = addmm(aI, gram, add(mul(gram, c), bI));
        product = product ? matmul(q, product) : q;
        if (step > 1) gram = matmul(matmul(q, gram), q);
      }
      if (left === nsSteps) product = mul(product!, size);
      if (left <= together) product = mul(product!, learningRateFactors[adjustLrFn](out, inputs));
      x = isTall ? matmul(x, product!) : matmul(product!, x);
    }
    return x;
  });
