import { onesLike, Parameter, reshape, scope, Tensor, tensorsIn } from "@tessera/tensor";
import { showShape, withRecorder } from "@tessera/tensor/extend";
import { GradientError } from "./gradient-error.ts";
import { Gradients } from "./gradients.ts";
import { Tape } from "./tape.ts";

/** Whatever owns parameters: a module, or a plain object for a few tensors. */
export interface HasParameters {
  namedParameters(): ReadonlyMap<string, Tensor>;
}

/** What a differentiated function returns: the loss, alone or beside other outputs. */
export type Loss = Tensor | { readonly loss: Tensor };

const lossOf = (op: string, value: Loss): Tensor => {
  const loss = value instanceof Tensor ? value : value.loss;
  if (loss.numel() !== 1 || loss.dtype !== "float32")
    throw new GradientError(
      `${op}: expected a scalar float32 loss, got ${loss.dtype} ${showShape(loss.shape)}; take its sum() or mean(), or use vjp`,
    );
  return loss;
};

/** Runs `f` on a tape and walks back from its loss to the sources. Everything but the results is freed. */
const differentiate = <R extends Loss>(
  op: string,
  sources: readonly Tensor[],
  f: () => R,
): { value: R; grads: Tensor[] } => {
  const tape = new Tape(sources);
  try {
    const value = withRecorder(tape, f);
    const loss = lossOf(op, value);
    if (!tape.tracks(loss) && !sources.some((source) => source.id === loss.id))
      throw new GradientError(`${op}: the loss does not depend on what it is differentiated by; ${tape.explain()}`);
    return { value, grads: tape.pullback([[loss, onesLike(loss)]], sources) };
  } finally {
    tape.release();
  }
};

// A scope refuses promises by type; here the type of what comes out is not known yet, and the scope still checks it.
const scoped = scope as <T>(f: () => T) => T;

/** Whole numbers and truths have no neighbours, and so no slope. */
const checkSource = (op: string, x: unknown): void => {
  if (!(x instanceof Tensor))
    throw new GradientError(`${op}: expected a tensor to differentiate by as the first argument, got ${typeof x}`);
  if (x.dtype !== "float32")
    throw new GradientError(
      `${op}: expected a float32 tensor to differentiate by, got ${x.dtype}, which has no gradient; cast(x, "float32"), or let f close over it`,
    );
};

/** The same tensor under a new identity that outer tapes follow: `f(x, x)` has two gradients. */
const fresh = (x: Tensor): Tensor => reshape(x, x.shape);

/**
 * A function that computes what `f` does, and its gradients.
 *
 * With a model, gradients come for each trainable parameter by name; `f` gives the loss, or an object with `loss`. With a
 * function alone, the gradient is by its first argument. Mirrors
 * {@link https://docs.jax.dev/en/latest/_autosummary/jax.value_and_grad.html jax.value_and_grad}.
 *
 * @throws GradientError when the loss is not a float32 scalar, or depends on nothing that can be differentiated,
 *   or when what it is differentiated by is int32 or bool.
 * @example
 * const lossAndGrad = valueAndGrad((x: Tensor) => sum(square(x)));
 * const { value, grads } = lossAndGrad(tensor([1, 2, 3])); // 14 and [2, 4, 6]
 */
export function valueAndGrad<A extends readonly unknown[], R extends Loss>(
  model: HasParameters,
  f: (...args: A) => R,
): (...args: A) => { value: R; grads: Gradients };
export function valueAndGrad<A extends readonly unknown[], R extends Loss>(
  f: (x: Tensor, ...rest: A) => R,
): (x: Tensor, ...rest: A) => { value: R; grads: Tensor };
export function valueAndGrad<R extends Loss>(
  target: HasParameters | ((x: Tensor, ...rest: readonly unknown[]) => R),
  f?: (...args: readonly unknown[]) => R,
): (...args: [Tensor, ...unknown[]]) => { value: R; grads: Gradients | Tensor } {
  if (typeof target === "function") return byFirst("valueAndGrad", target);
  return (...args) =>
    scoped(() => {
      const named = [...target.namedParameters()].filter(([, p]) => !(p instanceof Parameter) || p.trainable);
      if (named.length === 0) throw new GradientError("valueAndGrad: the model has no trainable parameter");
      const sources = named.map(([, parameter]) => parameter);
      for (const [name, { dtype }] of named)
        if (dtype !== "float32")
          throw new GradientError(
            `valueAndGrad: expected float32 parameters, got ${name}, which is ${dtype}; make it a buffer, or set its trainable to false`,
          );
      const { value, grads } = differentiate("valueAndGrad", sources, () => f!(...args));
      return { value, grads: new Gradients(named.map(([name], i) => [name, grads[i]!] as const)) };
    });
}

/** Value and gradient by the first argument; `op` is what was called. */
const byFirst =
  <A extends readonly unknown[], R extends Loss>(op: string, f: (x: Tensor, ...rest: A) => R) =>
  (x: Tensor, ...rest: A): { value: R; grads: Tensor } => {
    checkSource(op, x);
    return scoped(() => {
      const source = fresh(x);
      const { value, grads } = differentiate(op, [source], () => f(source, ...rest));
      return { value, grads: grads[0]! };
    });
  };

/**
 * The gradient of a scalar function by its first argument.
 *
 * {@link https://docs.jax.dev/en/latest/_autosummary/jax.grad.html jax.grad}
 *
 * @throws GradientError when the argument is int32 or bool, or the loss is not a float32 scalar or does not depend on it.
 * @example
 * const slope = grad((x: Tensor) => sum(pow(x, 3)));
 * await slope(tensor([2])).data(); // [12]
 */
export const grad = <A extends readonly unknown[]>(
  f: (x: Tensor, ...rest: A) => Loss,
): ((x: Tensor, ...rest: A) => Tensor) => {
  const both = byFirst("grad", f);
  return (x, ...rest) => scope(() => both(x, ...rest).grads);
};

/** What `vjp` gives: the outputs, and the way back, once. */
export interface Pullback<Y> {
  readonly value: Y;
  /** dL/d input for each input (`null` for int32 and bool ones), from dL/d output. Call it once, or `dispose()`. */
  pullback(this: void, dy: Y): (Tensor | null)[];
  dispose(this: void): void;
  [tensorsIn](): Iterable<Tensor>;
}

/**
 * The outputs of `f`, and the vector-Jacobian product at the inputs: for functions that do not end in a scalar.
 *
 * {@link https://docs.jax.dev/en/latest/_autosummary/jax.vjp.html jax.vjp}
 *
 * @throws GradientError when none of the inputs is float32.
 * @example
 * const { value, pullback } = vjp((x: Tensor) => square(x), tensor([1, 2]));
 * const [dx] = pullback(onesLike(value)); // [2, 4]
 */
export const vjp = <Y extends Tensor | readonly Tensor[]>(
  f: (...xs: Tensor[]) => Y,
  ...xs: readonly Tensor[]
): Pullback<Y> => {
  if (xs.length > 0 && xs.every(({ dtype }) => dtype !== "float32")) checkSource("vjp", xs[0]);
  const inputs = xs.map(fresh);
  const sources = inputs.filter((x) => x.dtype === "float32");
  const tape = new Tape(sources);
  const list = (y: Y): readonly Tensor[] => (y instanceof Tensor ? [y] : y);
  const outputs: Tensor[] = [];
  const dispose = (): void => {
    tape.release();
    for (const held of [...outputs, ...inputs]) held.dispose();
  };
  let value: Y;
  try {
    value = withRecorder(tape, () => f(...inputs));
  } catch (error) {
    dispose();
    throw error;
  }
  for (const output of list(value)) outputs.push(output.alias());
  return {
    value,
    pullback: (dy) => {
      try {
        const gradients = tape.pullback(
          list(dy).map((one, i) => [outputs[i]!, one] as const),
          sources,
        );
        let next = 0;
        return inputs.map((x) => (x.dtype === "float32" ? gradients[next++]! : null));
      } finally {
        dispose();
      }
    },
    dispose,
    [tensorsIn]: () => [...list(value), ...outputs, ...inputs],
  };
};
