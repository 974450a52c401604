import { profileStep } from "@tessera/models/profiling";
import { DeviceError, memory, resetPeakMemory } from "@tessera/tensor";
import { profileTable } from "../profile.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import { median } from "../timing.ts";
import { checkAgainstReference, checkFirstLoss } from "./check-training.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import { kernelTable } from "./kernel-table.ts";
import { modelSizes, trialSizes, type ModelSizes } from "./model-sizes.ts";
import type { PytorchFigure } from "./pytorch-figures.ts";
import { denseVariant, robertaTraining, type RobertaTraining, type Variant } from "./roberta-training.ts";

const ROUND = 10;
/** Seconds of steps before the clock: the first hundreds run code that the engine has not yet optimised. */
const WARM_UP = 4;

const patched = (blockSize: number): Variant => ({ density: 0.25, blockSize, dropout: 0 });

/** The models, and in what blocks each is patched. */
const plansFor = (quick: boolean): readonly (readonly [ModelSizes, readonly number[]])[] => {
  const [tiny, small, base] = modelSizes as [ModelSizes, ModelSizes, ModelSizes];
  return quick
    ? [[trialSizes, [16]]]
    : [
        [tiny, [16]],
        [small, [32]],
        [base, [32, 64]],
      ];
};

/** The models that PyTorch is asked for. */
export const stepJobs = (quick: boolean): ModelSizes[] => plansFor(quick).map(([sizes]) => sizes);

interface Record {
  readonly model: string;
  readonly variant: string;
  readonly parameters: number;
  readonly ms: number;
  readonly bestMs: number;
  readonly tokensPerSecond: number;
  /** Until the calls of a step have returned; `null` for PyTorch. */
  readonly issueMs: number | null;
  readonly launches: number | null;
  /** Of live tensors at the worst moment. */
  readonly peakBytes: number;
  /** Of the device's memory, with what the pool keeps. */
  readonly deviceBytes: number | null;
  /** How many times faster than our dense step, and than PyTorch's dense fp32 step with the same dropout. */
  readonly own: number | null;
  readonly pytorch: number | null;
}

/** Whole training steps of RoBERTas with a masked-LM head, dense and patched, beside PyTorch's. */
export const trainingSteps = async (setting: GpuSetting): Promise<Table[]> => {
  const { gpu, quick, say } = setting;
  const records: Record[] = [];
  const profiles: Table[] = [];
  for (const variant of [denseVariant, patched(16), patched(32), patched(64)]) {
    say(`masked LM: check, blocks of ${variant.blockSize}`);
    await checkAgainstReference(gpu, variant);
  }
  for (const [sizes, blockSizes] of plansFor(quick)) {
    const variants: (readonly [string, Variant])[] = [
      ["dense", denseVariant],
      ["dense, dropout 0.1", { ...denseVariant, dropout: 0.1 }],
      ...blockSizes.map((blockSize) => [`0.25, blocks of ${blockSize}`, patched(blockSize)] as const),
    ];
    const ours: Record[] = [];
    for (const [name, variant] of variants) {
      say(`masked LM ${sizes.name}, ${name}`);
      const training = robertaTraining(sizes, variant);
      const record = await measure(sizes, name, training, setting);
      ours.push({ ...record, own: (ours[0] ?? record).ms / record.ms });
      if (variant.dropout === 0) profiles.push(...(await profilesOf(`${sizes.name}, ${name}`, training, setting)));
      training.dispose();
      gpu.trim();
    }
    records.push(...ours, ...fromPytorch(sizes, setting));
  }
  return [
    makeTable("Training steps of RoBERTas with a masked-LM head, float32", records, columns, notes(setting)),
    ...profiles,
  ];
};

/** Where a step's time goes: by families of ops, beside what the device can do, and by kernels. */
const profilesOf = async (title: string, training: RobertaTraining, setting: GpuSetting): Promise<Table[]> => {
  const { gpu, quick, peak } = setting;
  const kernels = await kernelTable(title, training, setting);
  const known = {
    flops: peak.flops,
    copy: [{ elements: peak.copiedBytes / 8, bytesPerSecond: peak.copyBytesPerSecond }],
  };
  try {
    const lines = await profileStep(() => training.step(), { device: gpu, peak: known, steps: quick ? 3 : 15 });
    return [profileTable(`Profile of a step: ${title}`, lines, known), kernels];
  } catch (error) {
    // Without timestamps there is neither; the table of kernels says so.
    if (error instanceof DeviceError) return [kernels];
    throw error;
  }
};

const measure = async (
  sizes: ModelSizes,
  variant: string,
  training: RobertaTraining,
  { gpu, quick, pace, pytorch }: GpuSetting,
): Promise<Record> => {
  await checkFirstLoss(`${sizes.name}, ${variant}`, training, sizes.vocabulary);
  const begun = performance.now();
  do {
    for (let i = 0; i < (quick ? 1 : ROUND); i++) training.step();
    await gpu.sync();
  } while (!quick && performance.now() - begun < 1000 * WARM_UP);
  const launches = countLaunches(gpu, () => training.step());
  await gpu.sync();
  resetPeakMemory();
  const rounds: number[] = [];
  const issued: number[] = [];
  const steps = quick ? 2 : ROUND;
  for (let round = 0; round < pace.rounds; round++) {
    const start = performance.now();
    for (let i = 1; i < steps; i++) training.step();
    // Asked for here, and waited for after the clock.
    const loss = training.step("loss");
    issued.push((performance.now() - start) / steps);
    await gpu.sync();
    rounds.push((performance.now() - start) / steps);
    if (!Number.isFinite(await loss)) throw new Error(`${sizes.name}, ${variant}: the loss is ${await loss}`);
  }
  const ms = median(rounds);
  const theirs = pytorch.ms("steps", `${sizes.name} ${variant.startsWith("0") ? "dense" : variant}`);
  return {
    model: sizes.name,
    variant,
    parameters: training.parameters,
    ms,
    bestMs: Math.min(...rounds),
    tokensPerSecond: (1000 * sizes.batch * sizes.tokens) / ms,
    issueMs: median(issued),
    launches,
    peakBytes: memory()[gpu.name]!.peakBytes,
    deviceBytes: gpu.deviceBytes.live,
    own: null,
    pytorch: theirs === null ? null : theirs / ms,
  };
};

const countLaunches = (gpu: GpuSetting["gpu"], work: () => void): number => {
  const launch = gpu.launch.bind(gpu);
  let count = 0;
  gpu.launch = (call) => {
    count++;
    launch(call);
  };
  try {
    work();
  } finally {
    // The method of the class again.
    Reflect.deleteProperty(gpu, "launch");
  }
  return count;
};

const PYTORCH = ["dense", "dense, head at masked positions", "dense, dropout 0.1", "dense, TF32", "dense, bf16"];

const fromPytorch = (sizes: ModelSizes, { pytorch }: GpuSetting): Record[] =>
  PYTORCH.map((variant) => ({ variant, figure: pytorch.find("steps", `${sizes.name} ${variant}`) }))
    .filter((row): row is { variant: string; figure: PytorchFigure } => row.figure !== null)
    .map(({ variant, figure }) => ({
      model: sizes.name,
      variant: `PyTorch ${variant}`,
      parameters: figure.parameters ?? 0,
      ms: figure.ms,
      bestMs: figure.bestMs ?? figure.ms,
      tokensPerSecond: (1000 * sizes.batch * sizes.tokens) / figure.ms,
      issueMs: null,
      launches: null,
      peakBytes: figure.peakBytes ?? 0,
      deviceBytes: null,
      own: null,
      pytorch: null,
    }));

const notes = ({ quick, pytorch, pace }: GpuSetting): string[] => [
  ...plansFor(quick).map(
    ([{ name, layers, hidden, heads, vocabulary, positions, batch, tokens }]) =>
      `${name}: ${layers} layers, hidden ${hidden}, ${heads} heads, vocabulary ${vocabulary}, ${positions} positions; batch ${batch} × ${tokens}.`,
  ),
  `A step draws and masks its batch, runs forward and backward, clips and updates with AdamW. Medians of ${pace.rounds} rounds of ${quick ? 2 : ROUND} steps; the loss of each round's last step is read. Dropout is 0 unless named.`,
  "Patched: attention's output and both feed-forward layers of every layer. JS ms: until the calls of a step return. Peak: of live tensors, parameters and optimiser state included; device: with what the pool keeps for reuse.",
  ...(pytorch.isThere
    ? [
        "Our head runs at the masked positions alone (15 %), Hugging Face's at all; a row shows PyTorch with ours. PyTorch: eager, fused AdamW, its batch already on the device; peak by max_memory_allocated. PyTorch ×: against its dense fp32 step of the same dropout.",
      ]
    : []),
];

const columns: readonly Column<Record>[] = [
  { label: "model", cell: ({ model, variant }) => `${model}, ${variant}` },
  { label: "parameters", cell: ({ parameters }) => parameters.toLocaleString("en-US") },
  { label: "ms (best)", cell: ({ ms, bestMs }) => `${ms.toFixed(2)} (${bestMs.toFixed(2)})` },
  { label: "tokens/s", cell: ({ tokensPerSecond }) => Math.round(tokensPerSecond).toLocaleString("en-US") },
  { label: "own ×", cell: ({ own }) => own?.toFixed(2) ?? "" },
  { label: "PyTorch ×", cell: ({ pytorch }) => pytorch?.toFixed(2) ?? "" },
  { label: "JS ms", cell: ({ issueMs }) => (issueMs === null ? "" : digits(issueMs)) },
  { label: "launches", cell: ({ launches }) => `${launches ?? ""}` },
  { label: "peak MB", cell: ({ peakBytes }) => (peakBytes / 1e6).toFixed(1) },
  { label: "device MB", cell: ({ deviceBytes }) => (deviceBytes === null ? "" : (deviceBytes / 1e6).toFixed(1)) },
];
