import { Linear, Module } from "@tessera/nn";
import { exportOnnx, OnnxError, onnxOps, type Lowering, type Sizes } from "@tessera/models/onnx";
import { families, composed } from "@tessera/tensor/families";
import { families as nnFamilies } from "@tessera/nn/families";
import { families as sparseFamilies } from "@tessera/sparse/families";
import {
  atan2,
  dispose,
  expand,
  Generator,
  keep,
  mul,
  randn,
  reshape,
  scope,
  tensor,
  zeros,
  type Tensor,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { samples } from "../samples/all.ts";
import { build, outputsOf, seedOf, type AnyFunction, type AnySample } from "../support/evaluate-sample.ts";
import { withoutLeaks } from "../support/leaks.ts";
import { oracle } from "../support/devices.ts";
import { runOnnx, withOnnxRuntime } from "./runtime.ts";

/** Ops that a model's forward pass in evaluation does not have, or that ONNX has no form for. */
const NOT_IN_ONNX = [
  "dropout",
  "rand",
  "randn",
  "crossEntropy",
  "globalNorm",
  "atan2",
  "gatherBlocks",
  "sdd",
  "adam",
  "sgd",
  "sgdMomentum",
  "runningStatistics",
  "overlapAdd",
];

/** A module without parameters. */
class Empty extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

it("has a form for every op, but for backwards, updates and those named", () => {
  const names = [...Object.values(families), ...Object.values(nnFamilies), ...Object.values(sparseFamilies)].flatMap(
    (family) =>
      Object.entries(family).flatMap(([key, value]) => (key.endsWith("Op") ? [(value as { name: string }).name] : [])),
  );
  const missing = [...new Set(names)].filter((name) => !onnxOps.includes(name) && !name.endsWith("Backward"));
  expect(missing.sort()).toEqual(NOT_IN_ONNX.sort());
});

/** Where the runtime differs on purpose or by its own arithmetic: NaN in a choice, a row whose mean is far from its spread. */
const DIFFERENT: { readonly [name: string]: RegExp } = {
  sign: /NaN/,
  amax: /NaN/,
  amin: /NaN/,
  argsort: /NaN/,
  sort: /NaN/,
  topk: /NaN/,
  layerNorm: /large mean/,
  addLayerNorm: /large mean/,
  scaledDotProductAttention: /drop/,
};

/** Casts differ where int32 cannot hold the number: each runtime has its own. */
const isSkipped = (name: string, { throws, note = "" }: AnySample): boolean =>
  throws !== undefined || DIFFERENT[name]?.test(note) === true || (name === "cast" && note !== "");

/** Values of float32 that ONNX Runtime computes by its own polynomials. */
const closeTo = (mine: readonly number[], theirs: readonly number[]): string | null => {
  const scale = mine.reduce((max, x) => (Number.isFinite(x) ? Math.max(max, Math.abs(x)) : max), 1);
  const at = mine.findIndex(
    (x, i) => !(Object.is(x, theirs[i]) || x === theirs[i] || Math.abs(x - theirs[i]!) <= 2e-5 * scale),
  );
  return at < 0 && mine.length === theirs.length ? null : `at ${at}: ${mine[at]} here, ${theirs[at]} there`;
};

const check = async (call: AnyFunction, sample: AnySample, seed: number): Promise<string | null> => {
  const built = scope(() => {
    const { args, all } = build(sample, seed, oracle);
    return { args, all: all.map((one) => keep(one)) };
  });
  const { args, all } = built;
  const outputs = keepAll(scope(() => outputsOf(call(...args))));
  try {
    const inputs = Object.fromEntries(all.map((x, i) => [`x${i}`, x]));
    const bytes = await exportOnnx(new Empty(), {
      inputs: () => inputs,
      forward: () => Object.fromEntries(outputsOf(call(...args)).map((y, i) => [`y${i}`, y])),
    });
    if (all.some((x) => x.numel() === 0)) return null;
    const theirs = await runOnnx(bytes, inputs);
    for (const [i, y] of outputs.entries()) {
      const { data, dims } = theirs[`y${i}`]!;
      expect(dims).toEqual(y.shape);
      const problem = closeTo(Array.from(await y.data()), Array.from(data as Float32Array, Number));
      if (problem) return problem;
    }
    return null;
  } finally {
    dispose(outputs);
    dispose(all);
  }
};

const keepAll = (tensors: Tensor[]): Tensor[] => tensors.map((one) => keep(one));

const functions = Object.assign({}, ...Object.values(families), composed) as { readonly [name: string]: AnyFunction };

withOnnxRuntime("ops exported to ONNX, run by ONNX Runtime", () => {
  const cases = Object.entries(samples).flatMap(([family, table]) =>
    ["random", "loss", "update"].includes(family)
      ? []
      : Object.entries(table as { [name: string]: readonly AnySample[] }),
  );
  const exported = cases.filter(([name]) => !NOT_IN_ONNX.includes(name) && !name.endsWith("Backward"));
  describe.each(exported)("%s", (name, all) => {
    const used = [...all.entries()].filter(([, sample]) => !isSkipped(name, sample));
    it.each(used)(`sample %i`, (index, sample) =>
      withoutLeaks(async () => {
        expect(await check(functions[name]!, sample, seedOf(name, index)), sample.note ?? "").toBeNull();
      }),
    );
  });

  it("names an op that has no form, and takes one from outside", () =>
    withoutLeaks(async () => {
      const options = {
        inputs: () => ({ y: tensor([1, -2]), x: tensor([3, 4]) }),
        forward: ({ x, y }: { readonly [name: string]: Tensor }) => ({ angle: atan2(y!, x!) }),
      };
      await expect(exportOnnx(new Empty(), options)).rejects.toThrow(
        new OnnxError(
          "exportOnnx: expected ops that ONNX has a form for, got atan2; replace it, or give a lowering for it",
        ),
      );
      const quotient: Lowering = ({ inputs }, graph) => graph.node("Atan", [graph.node("Div", inputs)]);
      const bytes = await exportOnnx(new Empty(), { ...options, lowerings: { atan2: quotient } });
      const inputs = options.inputs();
      const { angle } = await runOnnx(bytes, inputs);
      expect(Array.from(angle!.data, Number)).toEqual([Math.fround(Math.atan2(1, 3)), Math.fround(Math.atan2(-2, 4))]);
      dispose(Object.values(inputs));
    }));

  it("says which sizes it cannot follow, and that a constant grows", () =>
    withoutLeaks(async () => {
      const sizes = ["n"];
      const inputs = ({ n }: Sizes): { x: Tensor } => ({ x: zeros([n!, 2]) });
      const squared = exportOnnx(new Empty(), {
        sizes,
        inputs,
        forward: ({ x }) => ({ y: expand(reshape(x!, [-1]), [x!.size(0) ** 2, x!.numel()]) }),
      });
      await expect(squared).rejects.toThrow(
        /^exportOnnx: expected sizes that follow from the inputs', got 4, 9, 25, 16 in /,
      );
      const table = exportOnnx(new Empty(), {
        sizes,
        inputs,
        forward: ({ x }) => ({ y: mul(x!, tensor(new Float32Array(2 * x!.size(0)), [x!.size(0), 2])) }),
      });
      await expect(table).rejects.toThrow(
        /^exportOnnx: expected data that do not depend on the sizes, got a constant /,
      );
    }));

  it("writes a tied weight once, and leaves the module as it was", () =>
    withoutLeaks(async () => {
      const model = new Linear(64, 64, { generator: new Generator(1) });
      const bytes = await exportOnnx(model, {
        sizes: ["batch"],
        inputs: ({ batch }) => ({ x: zeros([batch!, 64]) }),
        forward: ({ x }) => ({ y: model.forward(model.forward(x!)) }),
        metadata: { task: "none" },
      });
      expect(bytes.length).toBeGreaterThan(4 * 64 * 64);
      expect(bytes.length).toBeLessThan(1.2 * 4 * 64 * 64);
      expect(model.training).toBe(true);
      const x = randn([5, 64], { generator: new Generator(2) });
      const mine = scope(() => model.forward(model.forward(x)));
      const { y } = await runOnnx(bytes, { x });
      const data = await mine.data();
      for (const [i, value] of data.entries()) expect(Math.abs(value - Number(y!.data[i]))).toBeLessThan(1e-5);
      dispose([x, mine]);
      model.dispose();
    }));
});
