import { cpu, DeviceError, type Backend, type Peak } from "@tessera/tensor";
import { WebgpuBackend } from "@tessera/tensor/extend";
import { families } from "@tessera/tensor/families";
import { logLaunches } from "./launch-log.ts";
import { costOf } from "./op-cost.ts";

const WARM_UP = 3;

/** One line of a profile: what the ops of a family took in one step. */
export interface ProfileLine {
  /** As the ops say, or "between the ops", or "whole step". */
  readonly family: string;
  readonly calls: number;
  readonly milliseconds: number;
  readonly shareOfStep: number;
  /** Of families of products; `null` for those that memory bounds, which have the next one. */
  readonly gflops: number | null;
  readonly gigabytesPerSecond: number | null;
  /** `null` where the peak is not known. */
  readonly shareOfPeak: number | null;
  /** Ops of the family with their milliseconds, the slowest first. */
  readonly ops: readonly { readonly name: string; readonly calls: number; readonly milliseconds: number }[];
}

/** FLOP/s of arithmetic alone, and bytes a second of copies by the number of float32 copied. */
export type DevicePeak = Pick<Peak, "flops" | "copy">;

export interface ProfileOptions {
  /** Where the step runs: `cpu` unless said otherwise. */
  readonly device?: Backend;
  /** What the device does at most, as `cpu.measurePeak()` says; of other devices the caller has to know. */
  readonly peak?: DevicePeak;
  /** How many steps to look at; 15 unless said otherwise. Three more go before them. */
  readonly steps?: number;
}

interface Total {
  calls: number;
  seconds: number;
  flops: number;
  bytes: number;
  /** Float32 that the largest of them moves, one way. */
  elements: number;
}
const nothing = (): Total => ({ calls: 0, seconds: 0, flops: 0, bytes: 0, elements: 0 });

/** Something that took a part of the step. */
interface Part extends Total {
  readonly family: string;
  readonly name: string;
}
interface Measured {
  readonly parts: readonly Part[];
  readonly seconds: number;
}

/**
 * Where the time of a step goes, by families of ops: of the step of median length. The last two lines are the time between the ops
 * (views, the tape, scopes, the batch and all other JavaScript) and the whole.
 *
 * On `webgpu` an op's time is the device's own, and what is between the ops is the step's time less theirs; every step is waited for.
 *
 * @param step runs one whole step; all its launches come before it returns, a promise of its result is awaited
 * @throws DeviceError when the device cannot tell what its ops take.
 * @example
 * const lines = await profileStep(() => scope(() => { matmul(a, b); }), { peak: await cpu.measurePeak() });
 * for (const { family, milliseconds } of lines) console.log(family, milliseconds);
 */
export const profileStep = async (
  step: () => unknown,
  { device = cpu, peak, steps = 15 }: ProfileOptions = {},
): Promise<ProfileLine[]> => {
  for (let i = 0; i < WARM_UP; i++) await step();
  await device.sync();
  if (device instanceof WebgpuBackend) return linesOf(await measureOnWebgpu(device, step, steps), peak);
  if (!device.readSync)
    throw new DeviceError(`profileStep: expected cpu, reference or webgpu, got ${device.name}, whose ops run unseen`);
  const measured: Measured[] = [];
  for (let i = 0; i < steps; i++) measured.push(await measureHere(device, step));
  return linesOf(middleOf(measured), peak);
};

/** On a device that has done the work when `launch` returns. */
const measureHere = async (device: Backend, step: () => unknown): Promise<Measured> => {
  const { value, launches, seconds } = logLaunches(device, step);
  await value;
  const parts = launches.map(({ launch, seconds: taken }) => ({
    ...costOf(launch),
    name: launch.op.name,
    calls: 1,
    seconds: taken,
  }));
  return { parts: parts.map((part) => ({ ...part, elements: part.bytes / 8 })), seconds };
};

const familyOfKernel: ReadonlyMap<string, string> = new Map(
  Object.values<object>(families)
    .flatMap((family) => Object.values(family) as ({ name: string; family?: string } | (() => unknown))[])
    .flatMap((one) => ("family" in one && one.family !== undefined ? [[one.name, one.family]] : [])),
);

/** On a device that works later, and notes when. */
const measureOnWebgpu = async (device: WebgpuBackend, step: () => unknown, steps: number): Promise<Measured> => {
  const whole: Measured[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await step();
    await device.sync();
    whole.push({ parts: [], seconds: (performance.now() - start) / 1000 });
  }
  const parts: Part[] = [];
  const times = await device.time(async () => {
    const { value, launches } = logLaunches(device, step);
    for (const { launch } of launches) {
      const cost = costOf(launch);
      parts.push({ ...cost, name: launch.op.name, calls: 1, seconds: 0, elements: cost.bytes / 8 });
    }
    await value;
  });
  // A kernel is named like its op, or, where ops share it, like another op.
  const launched = new Map(parts.map(({ name, family }) => [name, family]));
  for (const { label, seconds } of times)
    parts.push({
      ...nothing(),
      seconds,
      name: label,
      family: launched.get(label) ?? familyOfKernel.get(label) ?? "others",
    });
  return { parts, seconds: middleOf(whole).seconds };
};

const middleOf = (measured: readonly Measured[]): Measured =>
  measured.toSorted((a, b) => a.seconds - b.seconds)[measured.length >> 1]!;

const linesOf = ({ parts, seconds: step }: Measured, peak: DevicePeak | undefined): ProfileLine[] => {
  const families = new Map<string, { total: Total; ops: Map<string, Total> }>();
  const whole = nothing();
  for (const part of parts) {
    const entry = families.get(part.family) ?? { total: nothing(), ops: new Map<string, Total>() };
    families.set(part.family, entry);
    const op = entry.ops.get(part.name) ?? nothing();
    entry.ops.set(part.name, op);
    for (const sum of [entry.total, op, whole]) {
      sum.calls += part.calls;
      sum.seconds += part.seconds;
      sum.flops += part.flops;
      sum.bytes += part.bytes;
      sum.elements = Math.max(sum.elements, part.elements);
    }
  }
  const line = (
    family: ProfileLine["family"],
    { calls, seconds, flops, bytes, elements }: Total,
    ops: ProfileLine["ops"] = [],
  ): ProfileLine => {
    const computes = flops > 0;
    const rate = seconds > 0 ? (computes ? flops : bytes) / seconds : null;
    return {
      family,
      calls,
      milliseconds: 1000 * seconds,
      shareOfStep: seconds / step,
      gflops: computes && rate !== null ? rate / 1e9 : null,
      gigabytesPerSecond: computes || rate === null ? null : rate / 1e9,
      shareOfPeak: peak && rate !== null ? rate / (computes ? peak.flops : copySpeed(peak, elements)) : null,
      ops,
    };
  };
  const lines = [...families]
    .toSorted(([, a], [, b]) => b.total.seconds - a.total.seconds)
    .map(([family, { total, ops }]) =>
      line(
        family,
        total,
        [...ops]
          .map(([name, op]) => ({ name, calls: op.calls, milliseconds: 1000 * op.seconds }))
          .toSorted((a, b) => b.milliseconds - a.milliseconds),
      ),
    );
  const between = Math.max(0, step - whole.seconds);
  return [
    ...lines,
    line("between the ops", { ...nothing(), seconds: between }),
    line("whole step", { ...whole, seconds: step }),
  ].map((one) => (one.family === "between the ops" ? { ...one, gigabytesPerSecond: null, shareOfPeak: null } : one));
};

/** Bytes a second that a copy of about as many elements reaches. */
export const copySpeed = ({ copy }: Pick<Peak, "copy">, elements: number): number => {
  const distance = (size: number): number => Math.abs(Math.log(size / elements));
  return copy.reduce((near, one) => (distance(one.elements) < distance(near.elements) ? one : near)).bytesPerSecond;
};
