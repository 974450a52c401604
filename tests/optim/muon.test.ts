import { Gradients } from "@tessera/autograd";
import {
  AdamW,
  clipGradNorm,
  CombinedOptimizer,
  linearWarmup,
  Muon,
  StateDictError,
  type Optimizer,
} from "@tessera/nn";
import { memory, scope, tensor, type Backend, type Parameter } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { onEveryDevice } from "../support/on-every-device.ts";
import { freeAll, onHost, randomParameter, takeStep, toyGradients } from "../support/toy-parameters.ts";

const matrices = (device: Backend): Map<string, Parameter> =>
  new Map(
    Object.entries({ square: [4, 4], again: [4, 4], wide: [3, 9], tall: [8, 3], blocks: [5, 4, 4] }).map(
      ([name, shape], i) => [name, randomParameter(device, shape, i + 1)],
    ),
  );

const mixed = (device: Backend): Map<string, Parameter> =>
  matrices(device)
    .set("bias", randomParameter(device, [7], 9))
    .set("scale", randomParameter(device, [], 10));

const combine = (params: ReadonlyMap<string, Parameter>): CombinedOptimizer => {
  const of = (keeps: (ndim: number) => boolean) => new Map([...params].filter(([, { ndim }]) => keeps(ndim)));
  return new CombinedOptimizer({
    muon: new Muon(
      of((ndim) => ndim > 1),
      { lr: 0.05, nsSteps: 3 },
    ),
    adamw: new AdamW(
      of((ndim) => ndim < 2),
      { lr: 0.01, betas: [0.9, 0.98] },
    ),
  });
};

type Matrix = number[][];

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const flip = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
const mix = (...terms: [number, Matrix][]): Matrix =>
  terms[0]![1].map((row, i) => row.map((_, j) => terms.reduce((sum, [factor, x]) => sum + factor * x[i]![j]!, 0)));

/** The textbook's form, one matrix at a time in float64. */
const newtonSchulz = (g: Matrix, steps: number): Matrix => {
  const norm = Math.hypot(...g.flat());
  let x = mix([1 / norm, g.length > g[0]!.length ? flip(g) : g]);
  for (let step = 0; step < steps; step++) {
    const a = product(x, flip(x));
    x = mix([3.4445, x], [1, product(mix([-4.775, a], [2.0315, product(a, a)]), x)]);
  }
  return g.length > g[0]!.length ? flip(x) : x;
};

const toMatrices = (data: ArrayLike<number>, [out, inputs]: readonly number[]): Matrix[] =>
  Array.from({ length: data.length / (out! * inputs!) }, (_, k) =>
    Array.from({ length: out! }, (_, i) =>
      Array.from({ length: inputs! }, (_, j) => data[(k * out! + i) * inputs! + j]!),
    ),
  );

onEveryDevice((device) => {
  it.each([1, 3, 5, 7])(
    "follows the textbook over steps of %i polynomials, each block of a stack by itself",
    (nsSteps) =>
      withoutLeaks(async () => {
        const params = matrices(device);
        const [lr, weightDecay, momentum] = [0.1, 0.2, 0.9];
        const optimizer = new Muon(params, { lr, weightDecay, momentum, nsSteps });
        const want = new Map<string, Matrix[]>();
        const means = new Map<string, Matrix[]>();
        for (const [name, p] of params) {
          want.set(name, toMatrices(await p.data(), p.shape.slice(-2)));
          means.set(
            name,
            want.get(name)!.map((x) => mix([0, x])),
          );
        }
        for (let step = 1; step <= 3; step++) {
          const grads = toyGradients(params, step);
          const host = await onHost(grads);
          optimizer.step(grads);
          for (const [name, p] of params) {
            const gs = toMatrices(host.get(name)!.data, p.shape.slice(-2));
            means.set(
              name,
              means.get(name)!.map((mean, k) => mix([momentum, mean], [1 - momentum, gs[k]!])),
            );
            want.set(
              name,
              want.get(name)!.map((w, k) => {
                const u = mix([1 - momentum, gs[k]!], [momentum, means.get(name)![k]!]);
                const factor = Math.sqrt(Math.max(1, w.length / w[0]!.length));
                return mix([1 - lr * weightDecay, w], [-lr * factor, newtonSchulz(u, nsSteps)]);
              }),
            );
            const got = await p.data();
            for (const [i, value] of want.get(name)!.flat(2).entries())
              expect(got[i], `${name}[${i}] after step ${step}`).toBeCloseTo(value, 5);
          }
        }
        freeAll(optimizer, params);
      }),
  );

  const kinds: {
    readonly [name: string]: readonly [
      (device: Backend) => Map<string, Parameter>,
      (params: ReadonlyMap<string, Parameter>) => Optimizer,
    ];
  } = {
    Muon: [matrices, (params) => new Muon(params, { lr: 0.02 })],
    "Muon without look-ahead": [
      matrices,
      (params) => new Muon(params, { nesterov: false, adjustLrFn: "match_rms_adamw" }),
    ],
    "Muon and AdamW": [mixed, combine],
  };

  describe.each(Object.entries(kinds))("%s", (_, [make, optimise]) => {
    it("goes on bit for bit from its saved state, schedule included", () =>
      withoutLeaks(async () => {
        const [whole, interrupted] = [make(device), make(device)];
        const run = (optimizer: Optimizer, params: Map<string, Parameter>, from: number, to: number, at?: number) => {
          const schedule = linearWarmup(optimizer, { warmupSteps: 2, totalSteps: 9 });
          if (at !== undefined) schedule.loadStateDict({ ...schedule.stateDict(), step: at });
          for (let step = from; step < to; step++) {
            takeStep(optimizer, params, step);
            schedule.step();
          }
        };
        const straight = optimise(whole);
        run(straight, whole, 0, 8);
        const first = optimise(interrupted);
        run(first, interrupted, 0, 5);
        const { groups, tensors } = first.stateDict();
        const saved = { groups: JSON.parse(JSON.stringify(groups)) as typeof groups, tensors: await onHost(tensors) };
        first.dispose();
        const second = optimise(interrupted);
        second.loadStateDict(saved);
        run(second, interrupted, 5, 8, 5);
        expect(await onHost(interrupted)).toEqual(await onHost(whole));
        expect(await onHost(second.stateDict().tensors)).toEqual(await onHost(straight.stateDict().tensors));
        freeAll(straight, whole);
        freeAll(second, interrupted);
      }));

    it.each([NaN, Infinity])("changes nothing when a gradient is %s, clipped or not, and counts it once", (bad) =>
      withoutLeaks(async () => {
        const params = make(device);
        const optimizer = optimise(params);
        for (const clip of [false, true]) {
          takeStep(optimizer, params, 1);
          const before = { params: await onHost(params), state: await onHost(optimizer.stateDict().tensors) };
          scope((): void => {
            const grads = toyGradients(params, 2);
            const spoilt = new Gradients(
              [...grads].map(([name, x]) => [name, name === "wide" ? x.mul(tensor([bad, 1, 1, 1, 1, 1, 1, 1, 1])) : x]),
            );
            if (clip) clipGradNorm(spoilt, 1);
            optimizer.step(spoilt);
          });
          before.state.set("skippedSteps", { shape: [], dtype: "int32", data: Int32Array.of(clip ? 2 : 1) });
          expect(await onHost(params)).toEqual(before.params);
          expect(await onHost(optimizer.stateDict().tensors)).toEqual(before.state);
        }
        expect(await optimizer.skippedSteps()).toBe(2);
        freeAll(optimizer, params);
      }),
    );

    it("frees the gradients and keeps its memory constant from the first step on", () =>
      withoutLeaks(() => {
        const params = make(device);
        const optimizer = optimise(params);
        const counts = () => [memory()[device.name]!.tensors, memory()[device.name]!.bytes];
        takeStep(optimizer, params, 0);
        const after = counts();
        for (let step = 1; step < 4; step++) takeStep(optimizer, params, step);
        expect(counts()).toEqual(after);
        freeAll(optimizer, params);
      }));
  });

  it("takes a step of nothing for a gradient of zeros, and clips as one", () =>
    withoutLeaks(async () => {
      const params = mixed(device);
      const optimizer = combine(params);
      const start = await onHost(params);
      scope((): void => {
        const grads = new Gradients([...toyGradients(params, 0)].map(([name, x]) => [name, x.mul(0)]));
        clipGradNorm(grads, 1);
        optimizer.step(grads);
      });
      for (const [name, { data }] of await onHost(params)) {
        const keeps = 1 - (name === "bias" || name === "scale" ? 0.01 * 0.01 : 0.05 * 0.1);
        for (const [i, value] of Array.from(data as Float32Array).entries())
          expect(value).toBeCloseTo(start.get(name)!.data[i]! * keeps, 6);
      }
      freeAll(optimizer, params);
    }));

  it("changes each parameter as its part alone would", () =>
    withoutLeaks(async () => {
      const [together, apart] = [mixed(device), mixed(device)];
      const both = combine(together);
      const only = (names: (name: string) => boolean) => new Map([...apart].filter(([name]) => names(name)));
      const small = (name: string) => name === "bias" || name === "scale";
      const [hidden, rest] = [only((name) => !small(name)), only(small)];
      const muon = new Muon(hidden, { lr: 0.05, nsSteps: 3 });
      const adamw = new AdamW(rest, { lr: 0.01, betas: [0.9, 0.98] });
      for (let step = 0; step < 3; step++)
        scope((): void => {
          const all = [...toyGradients(together, step)];
          both.step(new Gradients(all.map(([name, x]) => [name, x.alias()])));
          muon.step(new Gradients(all.filter(([name]) => !small(name))));
          adamw.step(new Gradients(all.filter(([name]) => small(name))));
        });
      expect(await onHost(together)).toEqual(await onHost(apart));
      expect(both.groups.map(({ lr, optimizer }) => [lr, optimizer])).toEqual([
        [0.05, "muon"],
        [0.01, "adamw"],
      ]);
      for (const one of [muon, adamw]) one.dispose();
      freeAll(both, together);
      for (const p of apart.values()) p.dispose();
    }));

  it("refuses what is no matrix, options outside their domain, and states of another recipe", () =>
    withoutLeaks(() => {
      const params = mixed(device);
      const only = (...names: string[]) => new Map(names.map((name) => [name, params.get(name)!]));
      expect(() => new Muon(params)).toThrow(
        "Muon: expected matrices [out, in] or stacks of them [n, out, in], got bias of shape [7]; give it to AdamW, see CombinedOptimizer",
      );
      const refused = [
        [{ lr: -1 }, /Muon: expected lr, weightDecay and eps of 0 or more, got -1, 0\.1 and/],
        [{ momentum: 1 }, /Muon: expected a momentum from 0 up to 1, got 1/],
        [{ nsSteps: 0 }, /Muon: expected nsSteps to be a whole number from 1 to 99, got 0/],
        [{ nsCoefficients: [1, NaN, 2] }, /Muon: expected three finite nsCoefficients, got 1, NaN, 2/],
        [{ adjustLrFn: "spectral" as "original" }, /adjustLrFn to be one of original, match_rms_adamw, got spectral/],
      ] as const;
      for (const [options, message] of refused) expect(() => new Muon(only("wide"), options)).toThrow(message);
      const muon = new Muon(only("wide"));
      expect(() => new CombinedOptimizer({ muon, adamw: new AdamW(only("wide", "bias")) })).toThrow(
        /CombinedOptimizer: expected every parameter once, got wide and wide for one/,
      );
      const combined = new CombinedOptimizer({ muon, adamw: new AdamW(only("bias")) });
      takeStep(combined, only("wide", "bias"), 0);
      const plain = new AdamW([{ params: only("wide") }, { params: only("bias") }]);
      expect(() => combined.loadStateDict(plain.stateDict() as never)).toThrow(StateDictError);
      expect(() => combined.loadStateDict(plain.stateDict() as never)).toThrow(/groups\.0\.optimizer/);
      const { groups, tensors } = combined.stateDict();
      const other = { groups: groups.map((group) => ({ ...group, optimizer: "lion" })), tensors };
      expect(() => combined.loadStateDict(other)).toThrow(
        "CombinedOptimizer: expected groups of muon, adamw, got one of lion; make the optimiser as it was when the state was saved",
      );
      takeStep(muon, only("wide"), 1);
      expect(() => new CombinedOptimizer({ muon })).toThrow(
        "CombinedOptimizer: expected optimisers that have taken no step, muon has; combine them first",
      );
      for (const one of [muon, plain]) one.dispose();
      freeAll(combined, params);
    }));
});
