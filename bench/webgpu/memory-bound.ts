import { dispose, scope } from "@tessera/tensor";
import { CheckError } from "../check.ts";
import { rowOps } from "../cpu/row-ops.ts";
import { embeddingBackward, embeddingForward } from "../embedding-ops.ts";
import type { PreparedOp } from "../prepared-op.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { adamwOnModel, crossEntropyBothWays, geluBackwardOf, geluOf, normOnModel } from "./gpu-ops.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { describePace, timeOnGpu, type GpuTiming } from "./gpu-timing.ts";
import { countOf, modelSizes, parameterShapes, trialSizes } from "./model-sizes.ts";
import type { MemoryJob } from "./pytorch-job.ts";

interface MemoryOp {
  readonly job: MemoryJob;
  readonly size: string;
  readonly prepare: () => PreparedOp;
}

/** Tensors smaller than the chip's cache would measure that. */
const opsFor = (quick: boolean): MemoryOp[] => {
  const rows = quick ? 64 : 16_384;
  const rowOp = (key: string, columns: number): MemoryOp => ({
    job: { key, sizes: [rows, columns] },
    size: `${rows}×${columns}`,
    prepare: () => rowOps.find(({ name }) => name === key)!.prepare(rows, columns),
  });
  const { vocabulary, hidden, batch, tokens } = quick ? trialSizes : modelSizes.at(-1)!;
  const ids = batch * tokens;
  const shapes = parameterShapes(quick ? trialSizes : modelSizes.at(-1)!);
  const all = `${countOf(shapes).toLocaleString("en-US")} in ${shapes.length}`;
  return [
    rowOp("add", 768),
    { ...rowOp("gelu", 768), prepare: () => geluOf(rows, 768) },
    { ...rowOp("gelu backward", 768), prepare: () => geluBackwardOf(rows, 768) },
    ...["dropout", "layer norm", "layer norm backward"].map((key) => rowOp(key, 768)),
    rowOp("softmax", 512),
    {
      job: { key: "cross-entropy, both ways", sizes: [ids, vocabulary] },
      size: `${ids}×${vocabulary}`,
      prepare: () => crossEntropyBothWays(ids, vocabulary),
    },
    {
      job: { key: "embedding", sizes: [ids, vocabulary, hidden] },
      size: `${ids} of ${vocabulary}×${hidden}`,
      prepare: () => embeddingForward(ids, vocabulary, hidden),
    },
    {
      job: { key: "embedding backward", sizes: [ids, vocabulary, hidden] },
      size: `${ids} of ${vocabulary}×${hidden}`,
      prepare: () => embeddingBackward(ids, vocabulary, hidden),
    },
    { job: { key: "adamw", sizes: [], shapes }, size: all, prepare: () => adamwOnModel(shapes) },
    { job: { key: "norm of all gradients", sizes: [], shapes }, size: all, prepare: () => normOnModel(shapes) },
  ];
};

/** What PyTorch is asked for; the copy, too. */
export const memoryJobs = (quick: boolean): MemoryJob[] => opsFor(quick).map(({ job }) => job);

export const copyJob = (quick: boolean): MemoryJob => ({ key: "copy", sizes: [quick ? 1 << 16 : 1 << 26] });

interface Record {
  readonly name: string;
  readonly size: string;
  readonly bytes: number;
  readonly ms: number;
  readonly bestMs: number;
  readonly bytesPerSecond: number;
  readonly shareOfCopy: number;
  readonly pytorchMs: number | null;
}

/** Ops that do little with each element: how near they come to a copy, and to PyTorch's. */
export const memoryBound = async (setting: GpuSetting): Promise<Table[]> => {
  const { gpu, quick, pace, peak, pytorch, say } = setting;
  const records: Record[] = [];
  for (const { job, size, prepare } of opsFor(quick)) {
    say(`${job.key}, ${size}`);
    const op = prepare();
    const timing = await measure(op, setting);
    dispose(op.inputs);
    gpu.trim();
    if (!timing) continue;
    const { median, best } = timing;
    const bytesPerSecond = op.bytes / median;
    records.push({
      name: job.key,
      size,
      bytes: op.bytes,
      ms: 1000 * median,
      bestMs: 1000 * best,
      bytesPerSecond,
      shareOfCopy: bytesPerSecond / peak.copyBytesPerSecond,
      pytorchMs: pytorch.ms("memory", job.key),
    });
  }
  return [
    makeTable("Memory-bound ops, float32", records, columns(pytorch.isThere), [
      `"of copy": bytes a second, each input and output counted once (the logits twice: both ways read them), against the ${digits(peak.copyBytesPerSecond / 1e9)} GB/s of a copy of ${(peak.copiedBytes / 1e6).toFixed(0)} MB. Above 100 %: what fits the chip's cache is not read from memory.`,
      describePace(pace),
      ...(pytorch.isThere ? ["PyTorch: its fused AdamW, and the others as its eager mode runs them."] : []),
    ]),
  ];
};

/** One whose result is wrong is not timed; the others are. */
const measure = async (op: PreparedOp, { gpu, pace, remark }: GpuSetting): Promise<GpuTiming | null> => {
  const result = scope(() => op.compute());
  const got = await result.data();
  result.dispose();
  try {
    op.check(got);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    remark(error.message, "wrong");
    return null;
  }
  return timeOnGpu(gpu, () => op.compute(), pace);
};

const columns = (withPytorch: boolean): Column<Record>[] => [
  { label: "op", cell: ({ name }) => name },
  { label: "elements", cell: ({ size }) => size },
  { label: "MB", cell: ({ bytes }) => digits(bytes / 1e6) },
  { label: "ms (best)", cell: ({ ms, bestMs }) => `${ms.toFixed(3)} (${bestMs.toFixed(3)})` },
  { label: "GB/s", cell: ({ bytesPerSecond }) => digits(bytesPerSecond / 1e9) },
  { label: "of copy", cell: ({ shareOfCopy }) => percent(shareOfCopy) },
  ...(withPytorch
    ? [
        { label: "PyTorch ms", cell: ({ pytorchMs }: Record) => pytorchMs?.toFixed(3) ?? "–" },
        {
          label: "×",
          cell: ({ ms, pytorchMs }: Record) => (pytorchMs === null ? "–" : (pytorchMs / ms).toFixed(2)),
        },
      ]
    : []),
];
