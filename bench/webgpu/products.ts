import { linear, matmul, scope, tensor, transpose, type Tensor } from "@tessera/tensor";
import { checkEntries, dot } from "../check.ts";
import { manyNormals } from "../random-data.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { describePace, onGpu, raceOnGpu, type GpuContender } from "./gpu-timing.ts";
import type { RivalProduct } from "./gpu-rivals.ts";
import { productKey, type ProductJob } from "./pytorch-job.ts";

const LAYOUTS = ["NT", "NN", "TN"] as const;
const SHAPES = [
  [8192, 768, 3072],
  [8192, 3072, 768],
  [2048, 2048, 2048],
  [4096, 4096, 4096],
  [2048, 768, 3072],
  [512, 256, 1024],
  // One token, few outputs, few tokens: a matrix and a vector, a tall result, a long sum.
  [1, 4096, 4096],
  [8192, 768, 16],
  [128, 8192, 128],
] as const;

/** What is measured, here and in PyTorch: a layer's weight gradient last. */
export const productJobs = (quick: boolean): ProductJob[] =>
  quick
    ? LAYOUTS.map((layout) => ({ m: 96, k: 64, n: 160, layout }))
    : [
        ...SHAPES.flatMap(([m, k, n]) => LAYOUTS.map((layout) => ({ m, k, n, layout }))),
        { m: 3072, k: 8192, n: 768, layout: "TN" },
      ];

interface Measured {
  readonly name: string;
  readonly ms: number;
  readonly teraflops: number;
}
interface Record {
  readonly key: string;
  readonly ms: number;
  readonly bestMs: number;
  readonly teraflops: number;
  readonly shareOfProbe: number;
  readonly pytorchMs: number | null;
  readonly tf32Ms: number | null;
  readonly bf16Ms: number | null;
  readonly others: readonly Measured[];
}

/** Dense products in float32, beside PyTorch's and the rivals'. */
export const products = async (setting: GpuSetting): Promise<Table[]> => {
  const records: Record[] = [];
  for (const job of productJobs(setting.quick)) {
    setting.say(`product ${productKey(job)}`);
    records.push(await measure(job, setting));
  }
  return [
    makeTable("Dense products, M×K×N, float32", records, columns(records), [
      "NT: the right operand is transposed in memory, as a layer's weight is; TN: the left one, as in a weight's gradient.",
      `"of probe": share of the ${digits(setting.peak.flops / 1e12)} TFLOP/s of multiply-adds in registers.`,
      `${describePace(setting.pace)} "×": how many times faster we are.`,
      ...(setting.pytorch.isThere
        ? ["PyTorch: float32 without TensorFloat-32. Its TF32 and bf16 columns, TFLOP/s, are of another precision."]
        : []),
      ...(setting.rivals.length > 0
        ? ["tfjs and jax-js: timed until a slice of the last result has been read back."]
        : []),
    ]),
  ];
};

/** A dense product of ours; operands lie in memory as the layout says. */
export const multiply = (left: Tensor, right: Tensor, layout: ProductJob["layout"]): Tensor =>
  layout === "NT" ? linear(left, right) : matmul(layout === "TN" ? transpose(left, 0, 1) : left, right);

const measure = async (job: ProductJob, { gpu, pace, peak, rivals, pytorch, remark }: GpuSetting): Promise<Record> => {
  const { m, k, n, layout } = job;
  const key = productKey(job);
  const [a, b] = [manyNormals(m * k, 1), manyNormals(k * n, 2)];
  const check = (what: string, got: ArrayLike<number>): void =>
    checkEntries(`${what} ${key}`, got, m * n, (at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      return dot(
        k,
        (p) => a[layout === "TN" ? p * m + row : row * k + p]!,
        (p) => b[layout === "NT" ? column * k + p : p * n + column]!,
      );
    });
  const left = tensor(a, layout === "TN" ? [k, m] : [m, k], { device: gpu });
  const right = tensor(b, layout === "NT" ? [n, k] : [k, n], { device: gpu });
  const result = scope(() => multiply(left, right, layout));
  check("tessera", await result.data());
  result.dispose();

  const others: RivalProduct[] = [];
  for (const rival of rivals) {
    try {
      const product = await rival.product(a, b, job);
      check(rival.name, await product.result());
      others.push(product);
    } catch (error) {
      remark(`${rival.name} is left out at ${key}: ${(error as Error).message}`);
    }
  }
  const contenders: GpuContender[] = [onGpu("tessera", gpu, () => multiply(left, right, layout)), ...others];
  const timings = await raceOnGpu(contenders, pace);
  for (const each of [left, right, ...others]) each.dispose();

  const teraflops = (seconds: number): number => (2e-12 * m * k * n) / seconds;
  const { median, best } = timings["tessera"]!;
  return {
    key,
    ms: 1000 * median,
    bestMs: 1000 * best,
    teraflops: teraflops(median),
    shareOfProbe: (1e12 * teraflops(median)) / peak.flops,
    pytorchMs: pytorch.ms("products", key),
    tf32Ms: pytorch.ms("products", `${key} tf32`),
    bf16Ms: pytorch.ms("products", `${key} bf16`),
    others: others.map(({ name }) => ({
      name,
      ms: 1000 * timings[name]!.median,
      teraflops: teraflops(timings[name]!.median),
    })),
  };
};

const columns = (records: readonly Record[]): Column<Record>[] => {
  const names = [...new Set(records.flatMap(({ others }) => others.map(({ name }) => name)))];
  const find = ({ others }: Record, name: string): Measured | undefined => others.find((other) => other.name === name);
  // A millisecond is 10⁻³ s and a TFLOP 10¹².
  const rate = ({ ms, teraflops }: Record, otherMs: number | null): string =>
    otherMs === null ? "–" : digits((ms * teraflops) / otherMs);
  return [
    { label: "M×K×N", cell: ({ key }) => key },
    { label: "ms (best)", cell: ({ ms, bestMs }) => `${ms.toFixed(3)} (${bestMs.toFixed(3)})` },
    { label: "TFLOP/s", cell: ({ teraflops }) => digits(teraflops) },
    { label: "of probe", cell: ({ shareOfProbe }) => percent(shareOfProbe) },
    ...(records.some(({ pytorchMs }) => pytorchMs !== null)
      ? [
          { label: "PyTorch TFLOP/s", cell: (record: Record) => rate(record, record.pytorchMs) },
          { label: "×", cell: ({ ms, pytorchMs }: Record) => (pytorchMs === null ? "–" : (pytorchMs / ms).toFixed(2)) },
          { label: "TF32", cell: (record: Record) => rate(record, record.tf32Ms) },
          { label: "bf16", cell: (record: Record) => rate(record, record.bf16Ms) },
        ]
      : []),
    ...names.flatMap((name): Column<Record>[] => [
      { label: name, cell: (record) => digits(find(record, name)?.teraflops ?? NaN) },
      {
        label: "×",
        cell: (record) => {
          const other = find(record, name);
          return other ? (other.ms / record.ms).toFixed(2) : "–";
        },
      },
    ]),
  ];
};
