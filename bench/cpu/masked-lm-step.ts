import { cpu, memory, reference, resetPeakMemory, scope, setDefaultDevice } from "@tessera/tensor";
import { checkClose } from "../check.ts";
import type { Setting } from "../setting.ts";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import { race, speedUp } from "../timing.ts";
import { patchedParts } from "./amdahl.ts";
import { quickSizes, robertaSizes, tinyRoberta, type RobertaSizes, type RobertaTraining } from "./tiny-roberta.ts";

const DENSITIES = [1, 0.5, 0.25, 0.1];
/** Loss and gradients in float32 against float64 sums. */
const TOLERANCE = 1e-4;

interface Variant {
  readonly name: string;
  readonly askedDensity: number;
  /** Of the patched layers together. */
  readonly density: number;
  readonly training: RobertaTraining;
  readonly peakBytes: number;
}
interface Record {
  readonly askedDensity: number;
  readonly density: number;
  readonly parameters: number;
  readonly medianMs: number;
  readonly bestMs: number;
  readonly noisy: boolean;
  readonly tokensPerSecond: number;
  readonly speedUp: { readonly median: number; readonly best: number };
  /** What Amdahl's law allows. */
  readonly limit: number;
  readonly shareOfLimit: number;
  readonly peakBytes: number;
}

/** Training steps of small RoBERTas, dense and patched, one table for each. */
export const maskedLMSteps = async (setting: Setting): Promise<Table[]> => {
  const models: readonly (readonly [string, RobertaSizes])[] = setting.quick
    ? [["quick", quickSizes]]
    : Object.entries(robertaSizes);
  const tables: Table[] = [];
  for (const [name, sizes] of models) tables.push(await measure(name, sizes, setting));
  return tables;
};

const measure = async (name: string, sizes: RobertaSizes, { threads, pace, say }: Setting): Promise<Table> => {
  say(`masked LM ${name}: checks`);
  for (const density of DENSITIES) checkAgainstFloat64({ ...sizes, batch: 1, tokens: 8 }, density);
  const variants = DENSITIES.map((density) => variant(sizes, density));
  say(`masked LM ${name}: Amdahl's limit`);
  const parts = await patchedParts(variants[0]!.training, sizes.batch * sizes.tokens, pace);
  say(`masked LM ${name}: steps`);
  const timings = await race(
    variants.map((one) => ({ name: one.name, run: () => one.training.step() })),
    // Four models, and steps of tens of milliseconds.
    { ...pace, seconds: 3 * pace.seconds },
  );
  const dense = timings["1"]!;
  const records = variants.map(({ name: key, askedDensity, density, training, peakBytes }): Record => {
    const timing = timings[key]!;
    const ratio = speedUp(timing, dense);
    const limit = limitOf(parts, training);
    return {
      askedDensity,
      density,
      parameters: training.model.numParameters(),
      medianMs: 1000 * timing.median,
      bestMs: 1000 * timing.best,
      noisy: timing.noisy,
      tokensPerSecond: (sizes.batch * sizes.tokens) / timing.median,
      speedUp: ratio,
      limit,
      shareOfLimit: ratio.best / limit,
      peakBytes,
    };
  });
  for (const { training } of variants) training.dispose();
  const { layers, hidden, heads, vocabulary, batch, tokens, blockSize } = sizes;
  const patched = [...parts.values()].reduce((total, part) => total + part, 0);
  return makeTable(
    `Masked-LM training step of a RoBERTa on ${threads} ${threads === 1 ? "thread" : "threads"}: ${layers} layers, hidden ${hidden}, ${heads} heads, vocabulary ${vocabulary}, batch ${batch} × ${tokens}, AdamW; patched in blocks of ${blockSize}`,
    records,
    columns,
    [
      `Patched: attention's output and both feed-forward layers, in every layer. Their products and their part of the optimiser take ${percent(patched)} of the dense step.`,
      "limit: what Amdahl's law allows for that part at the realised density. Speed-up: median of samples of the same round (best windows); its share of the limit is the best's. ~: a noisy cell.",
      "A step draws and masks its batch, runs forward (the head at masked positions) and backward, clips and updates. Peak: of live tensors, parameters and optimiser state included.",
    ],
  );
};

const variant = (sizes: RobertaSizes, askedDensity: number): Variant => {
  const before = memory()["cpu"]?.bytes ?? 0;
  resetPeakMemory();
  const training = tinyRoberta(sizes, askedDensity);
  for (let i = 0; i < 3; i++) training.step();
  const peakBytes = (memory()["cpu"]?.peakBytes ?? 0) - before;
  return { name: `${askedDensity}`, askedDensity, density: densityOf(training), training, peakBytes };
};

const densityOf = ({ plan }: RobertaTraining): number => {
  if (!plan) return 1;
  const [stored, all] = plan.layers.reduce(
    ([some, total], { layout, shape }) => [some + layout.blocks * layout.blockSize ** 2, total + shape[0] * shape[1]],
    [0, 0],
  );
  return stored / all;
};

const limitOf = (parts: ReadonlyMap<string, number>, { plan }: RobertaTraining): number => {
  let saved = 0;
  for (const { name, layout } of plan?.layers ?? []) saved += (parts.get(name) ?? 0) * (1 - layout.density);
  return 1 / (1 - saved);
};

/** Loss and norm of the gradients of a first step, here and on the reference device, whose sums are float64. */
export const checkAgainstFloat64 = (sizes: RobertaSizes, density: number): void => {
  const [got, want] = [cpu, reference].map((device) => {
    setDefaultDevice(device);
    try {
      const training = tinyRoberta(sizes, density);
      const numbers = scope(() => {
        const { loss, grads } = training.gradients();
        let squares = 0;
        for (const gradient of grads.values()) for (const value of gradient.dataSync()) squares += value * value;
        return { loss: loss.itemSync(), norm: Math.sqrt(squares) };
      });
      training.dispose();
      return numbers;
    } finally {
      setDefaultDevice(cpu);
    }
  });
  checkClose(`masked LM at density ${density}: loss`, got!.loss, want!.loss, TOLERANCE);
  checkClose(`masked LM at density ${density}: norm of the gradients`, got!.norm, want!.norm, TOLERANCE);
};

const columns: readonly Column<Record>[] = [
  {
    label: "density",
    cell: ({ askedDensity, density }) =>
      askedDensity === density ? `${askedDensity}` : `${askedDensity}: ${density.toFixed(3)}`,
  },
  { label: "parameters", cell: ({ parameters }) => parameters.toLocaleString("en-US") },
  {
    label: "step ms, median (best)",
    cell: ({ medianMs, bestMs, noisy }) => `${noisy ? "~" : ""}${digits(medianMs)} (${digits(bestMs)})`,
  },
  { label: "tokens/s", cell: ({ tokensPerSecond }) => Math.round(tokensPerSecond).toLocaleString("en-US") },
  { label: "speed-up", cell: ({ speedUp: ratio }) => `${ratio.median.toFixed(2)} (${ratio.best.toFixed(2)})` },
  { label: "limit", cell: ({ limit }) => limit.toFixed(2) },
  { label: "of limit", cell: ({ shareOfLimit }) => percent(shareOfLimit) },
  { label: "peak MB", cell: ({ peakBytes }) => (peakBytes / 1e6).toFixed(1) },
];
