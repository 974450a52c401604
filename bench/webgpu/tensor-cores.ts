import { BlockLayout } from "@tessera/sparse";
import { checkEntries, dot, UNIT_ROUNDOFF, type Expected } from "../check.ts";
import { manyNormals } from "../random-data.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { describePace, raceOnGpu } from "./gpu-timing.ts";
import { productKey, type ProductJob } from "./pytorch-job.ts";
import { bind, tensorCoreDevice, type Operands } from "./tensor-core-device.ts";
import {
  tensorCoreShader,
  workgroupsOf,
  type TensorCoreProduct,
  type TensorCoreSizes,
  type TensorCoreTile,
} from "./tensor-core-shader.ts";

const LAYER = { tokens: 8192, inputs: 768, outputs: 3072 } as const;
const DENSITIES = [0.25, 0.1];
/** Dispatches of one submission, so that the host is not what is measured. */
const TOGETHER = 16;
/** Half of the distance of 1 to the next float16, twice: both operands are rounded. */
const ROUNDING = 2 ** -10;

const tile = (bm: number, bn: number, sm: number, sn: number): TensorCoreTile => ({ bm, bn, bk: 32, sm, sn });
/** The fastest of several, by the block size; 0: dense. */
const TILES: ReadonlyMap<number, TensorCoreTile> = new Map([
  [0, tile(128, 128, 2, 2)],
  [64, tile(128, 64, 2, 2)],
  [32, tile(256, 32, 4, 1)],
]);

/** The dense products that PyTorch is asked for: those that the others stand in for. */
export const tensorCoreJobs = (quick: boolean): ProductJob[] => (quick ? [] : [jobOf("dense"), jobOf("columns")]);

const jobOf = (product: TensorCoreProduct): ProductJob =>
  product === "columns"
    ? { m: LAYER.tokens, k: LAYER.outputs, n: LAYER.inputs, layout: "NN" }
    : { m: LAYER.tokens, k: LAYER.inputs, n: LAYER.outputs, layout: "NT" };

interface Problem {
  readonly product: TensorCoreProduct;
  readonly sizes: TensorCoreSizes;
  readonly density: number;
  readonly operands: Operands;
  readonly flops: number;
  readonly expected: (at: number) => Expected;
}

interface Record {
  readonly product: TensorCoreProduct;
  readonly blockSize: number;
  readonly density: number;
  readonly tile: TensorCoreTile;
  readonly half: boolean;
  readonly ms: number;
  readonly teraflops: number;
  /** ‖y − y₆₄‖ / ‖y₆₄‖ over the entries that are checked. */
  readonly error: number;
  readonly denseMs: number;
  readonly tf32Ms: number | null;
  readonly bf16Ms: number | null;
}

/**
 * What a GPU's tensor cores do from WGSL, dense and block-sparse: an exploration, of which no package has anything. See
 * docs/decisions/008.
 */
export const tensorCores = async (setting: GpuSetting): Promise<Table[]> => {
  const { pytorch, say, remark, pace } = setting;
  const device = await tensorCoreDevice();
  if (typeof device === "string") {
    remark(`tensor cores are left out: ${device}`);
    return [];
  }
  const records: Record[] = [];
  const problems = [
    denseProblem(),
    ...[64, 32].flatMap((b) => DENSITIES.flatMap((density) => sparseProblems(b, density))),
  ];
  for (const half of [true, false]) {
    let denseMs = NaN;
    for (const problem of problems) {
      const { product, sizes, density, operands, flops } = problem;
      const each = TILES.get(sizes.blockSize)!;
      say(`tensor cores: ${product}, block ${sizes.blockSize}, density ${density.toFixed(2)}`);
      const code = tensorCoreShader(product, each, sizes, half);
      const bound = await bind(device, { code, half, workgroups: workgroupsOf(each, sizes) }, operands, sizes);
      bound.run(1);
      const error = judge(problem, await bound.read());
      const contender = {
        name: "work",
        run: () => bound.run(TOGETHER),
        finish: () => device.queue.onSubmittedWorkDone(),
      };
      const { work } = await raceOnGpu([contender], pace);
      bound.dispose();
      const ms = (1000 * work!.median) / TOGETHER;
      if (product === "dense") denseMs = ms;
      const key = productKey(jobOf(product));
      records.push({
        product,
        density,
        tile: each,
        half,
        ms,
        error,
        denseMs,
        blockSize: sizes.blockSize,
        teraflops: (1e-9 * flops) / ms,
        tf32Ms: pytorch.ms("products", `${key} tf32`),
        bf16Ms: pytorch.ms("products", `${key} bf16`),
      });
    }
  }
  device.destroy();
  const { tokens, inputs, outputs } = LAYER;
  return [
    makeTable(`Tensor cores from WGSL, tokens × in × out = ${tokens}×${inputs}×${outputs}`, records, columns, [
      "Operands are float16, or float32 that are rounded on their way into workgroup memory; sums and results are float32. Error: ‖y − y₆₄‖ / ‖y₆₄‖ against float64 with unrounded operands.",
      '"×": how many times faster than the dense product of the first row with the same operands. TFLOP/s: of stored blocks alone. TF32, bf16: PyTorch\'s dense product, ms.',
      `${describePace(pace)} ${TOGETHER} dispatches a submission.`,
    ]),
  ];
};

/** Checks a result against float64, within the rounding of its operands; returns its relative error. */
const judge = ({ product, sizes, expected }: Problem, got: Float32Array): number => {
  let [distance, size] = [0, 0];
  checkEntries(
    `tensor cores, ${product}`,
    got,
    sizes.tokens * sizes.outputs,
    (at) => {
      const { value, bound } = expected(at);
      distance += (got[at]! - value) ** 2;
      size += value ** 2;
      return { value, bound };
    },
    1000,
  );
  return Math.sqrt(distance / size);
};

/** `dot`, with float16 operands: Σ |products| follows from its bound. */
const halfDot = (count: number, left: (p: number) => number, right: (p: number) => number): Expected => {
  const { value, bound } = dot(count, left, right);
  return { value, bound: bound + (bound / ((count + 1) * UNIT_ROUNDOFF)) * ROUNDING };
};

/** What an entry of x · weight should be; `weight(p, output)`: a factor of the sum's p-th term. */
const entriesOf =
  (x: Float32Array, { depth, outputs }: TensorCoreSizes, weight: (p: number, output: number) => number) =>
  (at: number): Expected => {
    const [token, output] = [Math.floor(at / outputs), at % outputs];
    return halfDot(
      depth,
      (p) => x[token * depth + p]!,
      (p) => weight(p, output),
    );
  };

const denseProblem = (): Problem => {
  const { tokens, inputs: depth, outputs } = LAYER;
  const sizes = { tokens, depth, outputs, blockSize: 0 };
  const [x, values] = [manyNormals(tokens * depth, 1), manyNormals(outputs * depth, 2)];
  return {
    product: "dense",
    density: 1,
    sizes,
    operands: { x, values, index: null },
    flops: 2 * tokens * depth * outputs,
    expected: entriesOf(x, sizes, (p, output) => values[output * depth + p]!),
  };
};

/** The forward and the input gradient of one layer. */
const sparseProblems = (b: number, density: number): Problem[] => {
  const { tokens, inputs, outputs } = LAYER;
  const layout = BlockLayout.balanced({ outFeatures: outputs, inFeatures: inputs, blockSize: b, density, seed: 1 });
  const values = manyNormals(layout.blocks * b * b, 3);
  const whole = new Float32Array(outputs * inputs);
  layout.forEachBlock((row, column, block) => {
    for (let i = 0; i < b * b; i++)
      whole[(row * b + Math.floor(i / b)) * inputs + column * b + (i % b)] = values[block * b * b + i]!;
  });
  const indexOf = (ends: Int32Array, pairs: (at: number) => readonly [number, number]): Uint32Array =>
    Uint32Array.from([...ends.subarray(1), ...Array.from({ length: layout.blocks }, (_, at) => pairs(at)).flat()]);
  const forward = { tokens, depth: inputs, outputs, blockSize: b };
  const backward = { tokens, depth: outputs, outputs: inputs, blockSize: b };
  const common = { density: layout.density, flops: 2 * layout.multiplyAdds(tokens) };
  const x = manyNormals(tokens * inputs, 1);
  const dy = manyNormals(tokens * outputs, 2);
  return [
    {
      ...common,
      product: "rows",
      sizes: forward,
      operands: { x, values, index: indexOf(layout.crowIndices, (at) => [layout.colIndices[at]!, at]) },
      expected: entriesOf(x, forward, (p, output) => whole[output * inputs + p]!),
    },
    {
      ...common,
      product: "columns",
      sizes: backward,
      operands: {
        x: dy,
        values,
        index: indexOf(layout.ccolIndices, (at) => [layout.rowIndices[at]!, layout.blockPermutation[at]!]),
      },
      expected: entriesOf(dy, backward, (p, input) => whole[p * inputs + input]!),
    },
  ];
};

const milliseconds = (ms: number | null): string => (ms === null ? "–" : ms.toFixed(3));

const columns: readonly Column<Record>[] = [
  { label: "product", cell: ({ product }) => (product === "columns" ? "dx = dy W" : "y = x Wᵀ") },
  { label: "block", cell: ({ blockSize }) => (blockSize === 0 ? "dense" : String(blockSize)) },
  { label: "density", cell: ({ density }) => density.toFixed(3) },
  { label: "operands", cell: ({ half }) => (half ? "float16" : "float32") },
  { label: "tile, subgroups", cell: ({ tile: { bm, bn, bk, sm, sn } }) => `${bm}×${bn}×${bk}, ${sm}×${sn}` },
  { label: "ms", cell: ({ ms }) => ms.toFixed(3) },
  { label: "TFLOP/s", cell: ({ teraflops }) => digits(teraflops) },
  { label: "×", cell: ({ ms, denseMs }) => (denseMs / ms).toFixed(2) },
  { label: "error", cell: ({ error }) => error.toExponential(1) },
  { label: "TF32 ms", cell: ({ tf32Ms }) => milliseconds(tf32Ms) },
  { label: "bf16 ms", cell: ({ bf16Ms }) => milliseconds(bf16Ms) },
];
