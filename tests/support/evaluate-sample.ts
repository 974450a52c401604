import { vjp } from "@tessera/autograd";
import { clone, dispose, Generator, scope, setDefaultDevice, type Backend, type Tensor } from "@tessera/tensor";
import { valuesOf, type Values } from "./close.ts";
import { Gen, normal } from "./generate.ts";
import type { Sample } from "./sample.ts";

export type AnyFunction = (...args: readonly unknown[]) => unknown;
export type AnySample = Sample<AnyFunction>;

/** Where the random data of a function's sample start. */
export const seedOf = (name: string, index: number): number =>
  [...`${name}${index}`].reduce((h, char) => Math.imul(h ^ char.charCodeAt(0), 16777619) >>> 0, 2166136261);

/** A sample's arguments on one device. */
interface Built {
  readonly args: readonly unknown[];
  /** The float32 tensors among the arguments, in order. */
  readonly tensors: readonly Tensor[];
  /** Those of all dtypes. */
  readonly all: readonly Tensor[];
  /** The arguments again, around other tensors. */
  rebuild(tensors: readonly Tensor[]): readonly unknown[];
}

/** Makes a sample's arguments on a device. */
export const build = (sample: AnySample, seed: number, device: Backend): Built => {
  // Creators without inputs make their tensors there too.
  setDefaultDevice(device);
  const tensors: Tensor[] = [];
  const all: Tensor[] = [];
  const places: ((from: readonly Tensor[]) => unknown)[] = [];
  let next = seed;
  const visit = (arg: unknown): ((from: readonly Tensor[]) => unknown) => {
    if (arg instanceof Gen) {
      const made = arg.make(next++, device);
      all.push(made);
      if (made.dtype !== "float32") return () => made;
      const at = tensors.push(made) - 1;
      return (from) => from[at]!;
    }
    if (Array.isArray(arg)) {
      const items = arg.map(visit);
      return (from) => items.map((item) => item(from));
    }
    if (typeof arg === "object" && arg !== null && Object.getPrototypeOf(arg) === Object.prototype) {
      const items = Object.entries(arg).map(([key, value]) => [key, visit(value)] as const);
      return (from) => Object.fromEntries(items.map(([key, item]) => [key, item(from)]));
    }
    // Random numbers start at the same place in every run.
    if (arg instanceof Generator) {
      const { seed } = arg.state();
      return () => new Generator(seed);
    }
    return () => arg;
  };
  for (const arg of sample.args) places.push(visit(arg));
  const rebuild = (from: readonly Tensor[]) => places.map((place) => place(from));
  return { args: rebuild(tensors), tensors, all, rebuild };
};

export const outputsOf = (result: unknown): Tensor[] =>
  Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
export const isFloat = (x: Tensor): boolean => x.dtype === "float32";

interface Evaluated {
  readonly outputs: readonly Values[];
  /** What outputs were before an op changed them in place. */
  readonly before: readonly Values[] | null;
  readonly gradients: readonly (Values | null)[];
}

/** Outputs and gradients on one device, for fixed cotangents. */
export const evaluate = async (
  call: AnyFunction,
  sample: AnySample,
  seed: number,
  device: Backend,
): Promise<Evaluated> => {
  const { outputs, gradients, before } = scope(() => {
    const built = build(sample, seed, device);
    const copies = sample.noGradient === "not differentiable" ? built.all.map((x) => clone(x)) : null;
    const result = call(...built.args);
    // An op without an output has written into its inputs.
    const outputs = result === undefined ? [...built.all] : outputsOf(result);
    const differentiable =
      built.tensors.length > 0 && outputs.some(isFloat) && sample.noGradient !== "not differentiable";
    if (!differentiable) return { outputs, gradients: [], before: result === undefined ? copies : null };
    const pulled = vjp((...xs: Tensor[]) => outputsOf(call(...built.rebuild(xs))).filter(isFloat), ...built.tensors);
    const gradients = pulled.pullback(pulled.value.map((y, i) => normal(...y.shape).make(seed + 100 + i, device)));
    return { outputs, gradients, before: null };
  });
  const read = {
    outputs: await Promise.all(outputs.map(valuesOf)),
    gradients: await Promise.all(gradients.map(async (gradient) => gradient && (await valuesOf(gradient)))),
    before: before && (await Promise.all(before.map(valuesOf))),
  };
  dispose([outputs, gradients, before]);
  return read;
};
