import { cpu } from "@tessera/tensor";
import { checkClose, CheckError } from "../check.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, type Column, type Table } from "../table.ts";
import { race, speedUp, type Contender } from "../timing.ts";
import { checkAgainstFloat64 } from "./masked-lm-step.ts";
import { PytorchPeer } from "./pytorch-peer.ts";
import { quickSizes, robertaSizes, tinyRoberta, type RobertaSizes } from "./tiny-roberta.ts";

const DENSITIES = [1, 0.25] as const;
/** Steps whose losses are compared before anything is timed: the same batches, the same weights, the same optimiser. */
const CHECKED_STEPS = 4;
/** Losses of float32 trainings with other orders of summation; bfloat16 has eight bits. */
const LOSS_TOLERANCE = 1e-4;
const HALF_TOLERANCE = 2e-2;
const TIMED_SECONDS = 20;

interface Record {
  readonly name: string;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly noisy: boolean;
  readonly tokensPerSecond: number;
  /** How many times faster our dense step is, and our patched one. */
  readonly dense: { readonly median: number; readonly best: number };
  readonly patched: { readonly median: number; readonly best: number };
}

/** Masked-LM training steps beside PyTorch's, on the same whole cores: one table for each model. */
export const besidePytorch = async (setting: Setting): Promise<Table[]> => {
  const models: readonly (readonly [string, RobertaSizes])[] = setting.quick
    ? [["quick", quickSizes]]
    : Object.entries(robertaSizes);
  const tables: Table[] = [];
  for (const [name, sizes] of models) tables.push(await measure(name, sizes, setting));
  return tables;
};

const measure = async (
  model: string,
  sizes: RobertaSizes,
  { threads, pace, quick, python, say }: Setting,
): Promise<Table> => {
  say(`masked LM ${model}: checks`);
  for (const density of DENSITIES) checkAgainstFloat64({ ...sizes, batch: 1, tokens: 8 }, density);
  const trainings = DENSITIES.map((density) => ({ density, training: tinyRoberta(sizes, density) }));
  const losses = trainings.map(({ training }) => Array.from({ length: CHECKED_STEPS }, () => training.step()))[0]!;
  say(`masked LM ${model}: PyTorch starts`);
  const peer = await PytorchPeer.start(sizes, { python: python!, threads, checkedSteps: CHECKED_STEPS });
  try {
    for (const { name, losses: theirs } of peer.variants)
      for (const [step, loss] of theirs.entries())
        checkClose(
          `PyTorch ${name}: loss ${step + 1}`,
          loss,
          losses[step]!,
          isHalf(name) ? HALF_TOLERANCE : LOSS_TOLERANCE,
        );
    if (peer.variants.length === 0) throw new CheckError("PyTorch runs the step in no way here");
    say(`masked LM ${model}: steps`);
    const contenders: Contender[] = [
      ...trainings.map(({ density, training }) => ({ name: oursAt(density), run: () => training.step() })),
      ...peer.variants.map(({ name }) => ({
        name: theirsBy(name),
        run: () => peer.time(name, 1),
        time: (steps: number) => peer.time(name, steps),
      })),
    ];
    const timings = await race(contenders, quick ? pace : { ...pace, seconds: TIMED_SECONDS });
    const [dense, patched] = DENSITIES.map((density) => timings[oursAt(density)]!) as [Timed, Timed];
    const records = contenders.map(({ name }): Record => {
      const timing = timings[name]!;
      return {
        name,
        medianMs: 1000 * timing.median,
        bestMs: 1000 * timing.best,
        noisy: timing.noisy,
        tokensPerSecond: (sizes.batch * sizes.tokens) / timing.median,
        dense: speedUp(dense, timing),
        patched: speedUp(patched, timing),
      };
    });
    const { layers, hidden, heads, vocabulary, batch, tokens, blockSize } = sizes;
    return makeTable(
      `Masked-LM training step of a RoBERTa on ${threads} ${threads === 1 ? "thread" : "threads"}: ${layers} layers, hidden ${hidden}, ${heads} heads, vocabulary ${vocabulary}, batch ${batch} × ${tokens}, AdamW; patched in blocks of ${blockSize}`,
      records,
      columns,
      notesOf(peer, threads, timings[oursAt(1)]!.samples.length),
    );
  } finally {
    peer.dispose();
    for (const { training } of trainings) training.dispose();
  }
};

type Timed = Parameters<typeof speedUp>[0];

const oursAt = (density: number): string => (density === 1 ? "tessera, dense" : `tessera, patched at ${density}`);
const theirsBy = (variant: string): string => `PyTorch, ${variant}`;
const isHalf = (variant: string): boolean => variant.endsWith("bf16");

const notesOf = (peer: PytorchPeer, threads: number, rounds: number): string[] => {
  const { torch, capability, blas } = peer.info!;
  const { build, reason } = cpu.kernelBuild;
  const optimizers = [...new Set(peer.variants.map(({ optimizer }) => optimizer))];
  return [
    `Both processes are pinned to the same ${threads} whole ${threads === 1 ? "core" : "cores"}, workers included, and step in turns: medians (bests) of ${rounds} rounds. ~: a noisy cell.`,
    `Ours: Node ${process.version}, ${build} kernels (${reason}), float32. PyTorch ${torch}, ${capability}, BLAS ${blas}: plain modules, its fused attention where it has one, ${optimizers.join(" and ")} AdamW, the head at masked positions like ours; float32 unless it says bf16 (autocast).`,
    `× dense, × patched: how many times faster our dense step and our patched step are, medians of samples of the same round (best windows). Below 1, PyTorch is faster.`,
    `The same weights and batches: the first ${CHECKED_STEPS} losses agree within ${LOSS_TOLERANCE} (bf16: ${HALF_TOLERANCE}). Our step also draws and masks its batch.`,
    ...peer.missing.map(({ name, why }) => `PyTorch, ${name}, is missing: ${why}.`),
  ];
};

const ratio = ({ median, best }: { median: number; best: number }): string =>
  `${median.toFixed(2)} (${best.toFixed(2)})`;

const columns: readonly Column<Record>[] = [
  { label: "step", cell: ({ name }) => name },
  {
    label: "ms, median (best)",
    cell: ({ medianMs, bestMs, noisy }) => `${noisy ? "~" : ""}${digits(medianMs)} (${digits(bestMs)})`,
  },
  { label: "tokens/s", cell: ({ tokensPerSecond }) => Math.round(tokensPerSecond).toLocaleString("en-US") },
  { label: "× dense", cell: ({ dense }) => ratio(dense) },
  { label: "× patched", cell: ({ patched }) => ratio(patched) },
];
