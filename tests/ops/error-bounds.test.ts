// How far the cpu device's functions are from the true values: the bounds that packages/tensor/src/assembly/math.as.ts states.
import type * as tensorPackage from "@tessera/tensor";
import type { Tensor } from "@tessera/tensor";
import type * as elementwise from "@tessera/tensor/ops/elementwise";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

type Functions = Pick<
  typeof elementwise,
  "exp" | "expm1" | "atan2" | "log" | "log1p" | "tanh" | "sigmoid" | "erf" | "gelu" | "geluBackward"
>;

const POINTS = 400_001;
/** From `from` to `to`, evenly, as float32. */
const between = (from: number, to: number): Float32Array =>
  Float32Array.from({ length: POINTS }, (_, i) => from + ((to - from) * i) / (POINTS - 1));

/** Distance from a float32 to its neighbour, away from 0. */
const ulp = (value: number): number => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);

/**
 * erf x in float64 by its series, or for |x| > 3 by the continued fraction of erfc (Abramowitz and Stegun 7.1.6, 7.1.14), of which
 * both converge to the last digits.
 */
const erfc = (x: number): number => {
  if (x < 3) return 1 - erf(x);
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / 2 / (x + fraction);
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * (x + fraction));
};
const erf = (x: number): number => {
  if (Math.abs(x) >= 3) return Math.sign(x) * (1 - erfc(Math.abs(x)));
  let [term, sum] = [x, x];
  for (let k = 1; Math.abs(term) > 1e-18 * Math.abs(sum); k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
};
/** Φ(x): the smaller half from the tail, so that it keeps its digits. */
const cdf = (x: number): number => (x > 0 ? 1 - cdf(-x) : erfc(-x / Math.SQRT2) / 2);
const gelu = (x: number): number => x * cdf(x);
const geluSlope = (x: number): number => cdf(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
const geluTanh = (x: number): number => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** The largest of `error(got, want)` over all points, and where it is. */
const worst = (
  fn: (x: Tensor) => Tensor,
  truth: (x: number) => number,
  points: Float32Array,
  error: (got: number, want: number) => number,
): { error: number; at: number } => {
  const got = tessera.scope(() => fn(tessera.tensor(points)).dataSync());
  let [max, at] = [0, NaN];
  for (const [i, x] of points.entries()) {
    const here = error(got[i]!, truth(x));
    if (!(here <= max)) [max, at] = [here, x];
  }
  return { error: max, at };
};
const inUlps = (got: number, want: number): number => Math.abs(got - want) / ulp(want);
const relative = (got: number, want: number): number => (got === want ? 0 : Math.abs(got - want) / Math.abs(want));
const absolute = (got: number, want: number): number => Math.abs(got - want);

let tessera: typeof tensorPackage;
let functions: Functions;
let fused: boolean;

describe.each([
  ["with fused multiply-adds", ""],
  ["with separate multiply-adds", "base"],
] as const)("on cpu %s", (_, variant) => {
  beforeAll(async () => {
    vi.stubEnv("TESSERA_WASM", variant);
    vi.resetModules();
    tessera = await import("@tessera/tensor");
    functions = await import("@tessera/tensor/ops/elementwise");
    fused = (await import("@tessera/tensor/extend")).fusesMultiplyAdd();
    tessera.cpu.setThreads(1);
  });
  afterAll(() => {
    tessera.cpu.close();
    vi.unstubAllEnvs();
  });
  const f = <K extends keyof Functions>(name: K): Functions[K] => functions[name];

  it("is the variant that was asked for", () => {
    expect(fused).toBe(variant !== "base");
  });

  it("exp is within 2 ulp from -86.6 to 88.72, 0 below 2^-125 and Infinity above the largest float", () => {
    expect(worst((x) => f("exp")(x), Math.exp, between(-86.6, 88.72), inUlps).error).toBeLessThanOrEqual(2);
    expect(worst((x) => f("exp")(x), Math.exp, between(-1, 1), inUlps).error).toBeLessThanOrEqual(2);
    const [below, above] = [between(-1000, -86.65), between(88.73, 1000)];
    const [zeros, infinities] = tessera.scope(() =>
      [below, above].map((points) => f("exp")(tessera.tensor(points)).dataSync()),
    );
    expect(zeros!.every((value) => value === 0)).toBe(true);
    expect(infinities!.every((value) => value === Infinity)).toBe(true);
  });

  it("log is within 2 ulp from 1e-44 to 3e38", () => {
    const points = Float32Array.from(between(-101, 88.6), Math.exp).filter((x) => x > 0);
    for (const numbers of [points, between(0.5, 2)])
      expect(
        worst(
          (x) => f("log")(x),
          Math.log,
          numbers.filter((x) => x !== 1),
          inUlps,
        ).error,
      ).toBeLessThanOrEqual(2);
  });

  it("log1p is within 4 ulp above -1, to the last digit where x is tiny", () => {
    const points = Float32Array.from(between(-100, 88.6), (power) => Math.exp(power));
    const near = Float32Array.from(between(-16, -1e-3), (power) => -(10 ** power));
    for (const numbers of [points, near, between(-0.5, 0.5).filter((x) => x !== 0), between(-0.9999, -0.5)])
      expect(worst((x) => f("log1p")(x), Math.log1p, numbers, inUlps).error).toBeLessThanOrEqual(4);
  });

  it("expm1 is within 3 ulp up to 88.72, to the last digit where x is tiny", () => {
    const small = Float32Array.from(between(-100, 0), (power) => Math.exp(power));
    for (const numbers of [small, small.map((x) => -x), between(-90, 88.72), between(-1.1, 1.1)])
      expect(
        worst(
          (x) => f("expm1")(x),
          Math.expm1,
          numbers.filter((x) => x !== 0),
          inUlps,
        ).error,
      ).toBeLessThanOrEqual(3);
  });

  it("atan2 is within 3 ulp in every direction", () => {
    const slopes = Float32Array.from(between(-80, 80), (power) => Math.exp(power));
    for (const [across, numbers] of [
      [1, slopes],
      [-1, slopes],
      [1, between(-3, 3)],
      [-3, between(-9, 9)],
      [1e-30, between(-1e-30, 1e-30)],
      [3e38, between(-3e38, 3e38)],
    ] as const)
      expect(
        worst(
          (y) => f("atan2")(y, across),
          (y) => Math.atan2(y, Math.fround(across)),
          numbers.filter((y) => y !== 0),
          inUlps,
        ).error,
      ).toBeLessThanOrEqual(3);
  });

  it("gelu errs by at most 3e-6 |gelu x| + 2e-8", () => {
    const beyond = (got: number, want: number): number => Math.abs(got - want) / (3e-6 * Math.abs(want) + 2e-8);
    for (const points of [between(-12, 12), between(-0.01, 0.01), between(-1e4, 1e4)])
      expect(worst((x) => f("gelu")(x), gelu, points, beyond).error).toBeLessThanOrEqual(1);
  });

  it("gelu's derivative errs by at most 1e-6", () => {
    const slope = (x: Tensor): Tensor => f("geluBackward")(tessera.onesLike(x), x);
    for (const points of [between(-12, 12), between(-0.01, 0.01)])
      expect(worst(slope, geluSlope, points, absolute).error).toBeLessThanOrEqual(1e-6);
  });

  it("gelu with tanh is within 6e-6 of its value from -7 up", () => {
    const approximate = (x: Tensor): Tensor => f("gelu")(x, { approximate: "tanh" });
    expect(worst(approximate, geluTanh, between(-7, 12), relative).error).toBeLessThanOrEqual(6e-6);
  });

  it("tanh and sigmoid are within 4e-7 of their values", () => {
    expect(worst((x) => f("tanh")(x), Math.tanh, between(-20, 20), relative).error).toBeLessThanOrEqual(4e-7);
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    expect(worst((x) => f("sigmoid")(x), sigmoid, between(-86, 40), relative).error).toBeLessThanOrEqual(4e-7);
  });

  it("erf is within 2e-6 of its value", () => {
    for (const points of [between(-6, 6), between(-0.1, 0.1)])
      expect(worst((x) => f("erf")(x), erf, points, relative).error).toBeLessThanOrEqual(2e-6);
  });
});
