import { GradientError, vjp } from "@tessera/autograd";
import { cpu, scope, setDefaultDevice, tensor, type Backend, type Tensor } from "@tessera/tensor";
import { afterEach, describe, expect, inject, it } from "vitest";
import { difference, type Values } from "./close.ts";
import { devices, gpu, oracle, skippedWithoutGpu } from "./devices.ts";
import { build, evaluate, isFloat, outputsOf, seedOf, type AnyFunction, type AnySample } from "./evaluate-sample.ts";
import { normal, uniform } from "./generate.ts";
import { withoutLeaks } from "./leaks.ts";
import type { FamilyTolerance, SampleTables } from "./sample.ts";

/** Every sample of a family on every device: forward and gradients against the reference, which finite differences check. */
export const conformance = (family: string, functions: object, table: object, tolerance: FamilyTolerance): void => {
  describe(family, () => {
    afterEach(() => setDefaultDevice(cpu));
    skippedWithoutGpu("every sample on webgpu");
    for (const [name, samples] of Object.entries(table) as [string, readonly AnySample[]][]) {
      const call = (functions as { readonly [name: string]: AnyFunction })[name]!;
      if (samples.length === 0) it(`${name} has a sample`, () => expect(samples.length).toBeGreaterThan(0));
      for (const [i, sample] of samples.entries()) {
        const title = `${name} ${sample.note ?? ""} #${i}`;
        if (sample.throws) rejects(title, call, sample, sample.throws);
        else agrees(title, call, sample, tolerance, seedOf(name, i));
      }
    }
  });
};

/** Every sample of every family of a record. */
export const conformanceOfAll = <F extends { readonly [name: string]: object }>(
  families: F,
  samples: SampleTables<F>,
  tolerances: { readonly [K in keyof F]: FamilyTolerance },
): void => {
  for (const [family, functions] of Object.entries(families))
    conformance(family, functions, samples[family]!, tolerances[family]!);
};

/** The same samples on one more device, without those that are refused. */
export const conformanceOn = (
  device: Backend,
  family: string,
  functions: object,
  table: object,
  tolerance: FamilyTolerance,
): void => {
  describe(family, () => {
    afterEach(() => setDefaultDevice(cpu));
    for (const [name, samples] of Object.entries(table) as [string, readonly AnySample[]][]) {
      const call = (functions as { readonly [name: string]: AnyFunction })[name]!;
      for (const [i, sample] of samples.entries())
        if (!sample.throws)
          it(`${name} ${sample.note ?? ""} #${i} agrees with the reference`, () =>
            agreesOn(device, call, sample, tolerance, seedOf(name, i)));
    }
  });
};

/** All samples of each function in one test, values and gradients against the reference: for many small ones. */
export const conformanceTogether = (
  family: string,
  functions: object,
  table: object,
  tolerance: FamilyTolerance,
): void => {
  describe(family, () => {
    afterEach(() => setDefaultDevice(cpu));
    skippedWithoutGpu("every sample on webgpu");
    for (const [name, samples] of Object.entries(table) as [string, readonly AnySample[]][]) {
      const call = (functions as { readonly [name: string]: AnyFunction })[name]!;
      for (const device of devices)
        it(`${name} agrees with the reference on ${device.name}`, async () => {
          const failures: string[] = [];
          for (const [i, sample] of samples.entries())
            await agreesOn(device, call, sample, tolerance, seedOf(name, i)).catch((error: unknown) => {
              failures.push(`${sample.note ?? i}: ${(error as Error).message}`);
            });
          expect(failures).toEqual([]);
        });
    }
  });
};

const rejects = (title: string, call: AnyFunction, sample: AnySample, message: RegExp): void => {
  for (const device of [oracle, ...devices])
    it(`${title} is refused on ${device.name}`, () =>
      withoutLeaks(async () => {
        const refused = async (): Promise<void> => {
          scope((): void => {
            call(...build(sample, 1, device).args);
          });
          // A GPU finds an index that is wrong only when it runs.
          await device.sync();
        };
        await expect(refused()).rejects.toThrow(message);
      }));
};

const agrees = (
  title: string,
  call: AnyFunction,
  sample: AnySample,
  tolerance: FamilyTolerance,
  seed: number,
): void => {
  for (const device of devices.filter((device) => device !== gpu || inject("gpuSamples") === "all" || seed % 4 === 0))
    it(`${title} agrees with the reference on ${device.name}`, () => agreesOn(device, call, sample, tolerance, seed));
  // On the oracle, wherever that runs.
  if (!sample.noGradient && typeof document === "undefined")
    it(`${title} has the gradient of finite differences`, () => withoutLeaks(() => checkGradient(call, sample, seed)));
};

const largest = ({ values }: Values): number =>
  Array.from(values).reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 0);

/** Outputs and gradients on a device against the reference's. */
const agreesOn = (
  device: Backend,
  call: AnyFunction,
  sample: AnySample,
  tolerance: FamilyTolerance,
  seed: number,
): Promise<void> =>
  withoutLeaks(async () => {
    const [want, got] = [await evaluate(call, sample, seed, oracle), await evaluate(call, sample, seed, device)];
    expect(got.outputs.length).toBe(want.outputs.length);
    const forward = sample.within ?? tolerance.forward;
    for (const [i, output] of want.outputs.entries()) {
      // What a step changes in place has the rounding of what it was, also where the step leaves nearly nothing of it.
      const before = want.before?.[i];
      const bound =
        before && typeof forward === "object" && "relative" in forward
          ? { rtol: 0, atol: forward.relative * largest(before) }
          : undefined;
      expect(difference(got.outputs[i]!, output, forward, bound), `output ${i}`).toBeNull();
    }
    expect(got.gradients.length).toBe(want.gradients.length);
    for (const [i, gradient] of want.gradients.entries())
      if (gradient)
        expect(
          difference(got.gradients[i]!, gradient, sample.gradientWithin ?? tolerance.gradient),
          `gradient ${i}`,
        ).toBeNull();
  });

/** Step of the differences: its fourth-order error and float32 rounding are about equal here. */
const STEP = 0.02;

/** ⟨u, J v⟩ by the tape against (8(f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h along a random direction v. */
const checkGradient = (call: AnyFunction, sample: AnySample, seed: number): void => {
  scope((): void => {
    const built = build(sample, seed, oracle);
    const { tensors } = built;
    const probe = outputsOf(call(...built.args));
    if (tensors.length === 0 || !probe.some(isFloat)) return;
    const f = (...xs: Tensor[]): Tensor[] => outputsOf(call(...built.rebuild(xs))).filter(isFloat);
    compareDirections(f, tensors, seed, "first");
    // The gradient, for fixed cotangents, is a function of the inputs like any other.
    const cotangents = probe.filter(isFloat).map((y, i) => normal(...y.shape).make(seed + 100 + i, oracle));
    const slope = (...xs: Tensor[]): Tensor[] =>
      vjp(f, ...xs)
        .pullback(cotangents)
        .map((gradient) => gradient!);
    try {
      compareDirections(slope, tensors, seed + 1, "second");
    } catch (error) {
      if (!(error instanceof GradientError && /second derivative|does not depend/.test(error.message))) throw error;
    }
  });
};

const compareDirections = (
  f: (...xs: Tensor[]) => Tensor[],
  xs: readonly Tensor[],
  seed: number,
  order: string,
): void => {
  // Bounded, so that a step stays clear of the corners that samples keep away from.
  const directions = xs.map((x, i) => uniform(-1, 1, ...x.shape).values(seed + 200 + i));
  const bases = xs.map((x) => x.dataSync());
  const weights = scope(() => f(...xs).map((y, i) => normal(...y.shape).values(seed + 300 + i)));
  /** Σ u·f(x + t v), in float64. */
  const along = (t: number): number =>
    scope(() => {
      const moved = bases.map((base, i) =>
        tensor(
          Float32Array.from(base, (value, j) => value + t * directions[i]![j]!),
          xs[i]!.shape,
          { device: oracle },
        ),
      );
      return f(...moved).reduce(
        (total, y, i) => Array.from(y.dataSync()).reduce((dot, value, j) => dot + value * weights[i]![j]!, total),
        0,
      );
    });
  const numeric = (8 * (along(STEP) - along(-STEP)) - (along(2 * STEP) - along(-2 * STEP))) / (12 * STEP);
  const [analytic, size] = scope(() => {
    const { value, pullback } = vjp(f, ...xs);
    const magnitude = value.reduce(
      (total, y, i) => Array.from(y.dataSync()).reduce((sum, one, j) => sum + Math.abs(one * weights[i]![j]!), total),
      0,
    );
    const gradients = pullback(
      value.map((y, i) => tensor(Float32Array.from(weights[i]!), y.shape, { device: oracle })),
    );
    const dot = gradients.reduce(
      (total, gradient, i) =>
        Array.from(gradient!.dataSync()).reduce((sum, one, j) => sum + one * directions[i]![j]!, total),
      0,
    );
    return [dot, magnitude] as const;
  });
  const allowed = 2e-3 * Math.max(Math.abs(numeric), Math.abs(analytic)) + (3e-7 * size) / STEP + 1e-4;
  expect(
    Math.abs(numeric - analytic),
    `${order} derivative: tape ${analytic}, differences ${numeric}`,
  ).toBeLessThanOrEqual(allowed);
};
