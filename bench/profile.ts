import { cpu } from "@tessera/tensor";
import { logLaunches } from "./launch-log.ts";
import { copySpeed, type Peak } from "./machine.ts";
import { costOf, type OpFamily } from "./op-cost.ts";
import { digits, makeTable, percent, type Column, type Table } from "./table.ts";
import { median } from "./timing.ts";

const WARM_UP = 3;

/** One line of a profile: what the ops of a family took in one step. */
export interface ProfileLine {
  readonly family: OpFamily | "between the ops" | "whole step";
  readonly calls: number;
  readonly milliseconds: number;
  readonly shareOfStep: number;
  /** Of families of products; `null` for those that memory bounds, which have the next one. */
  readonly gflops: number | null;
  readonly gigabytesPerSecond: number | null;
  readonly shareOfPeak: number | null;
  /** Ops of the family with their milliseconds, the slowest first. */
  readonly ops: readonly { readonly name: string; readonly calls: number; readonly milliseconds: number }[];
}

interface Total {
  calls: number;
  seconds: number;
  flops: number;
  bytes: number;
  elements: number;
}
const nothing = (): Total => ({ calls: 0, seconds: 0, flops: 0, bytes: 0, elements: 0 });

/**
 * Where the time of a training step on the cpu goes, by families of ops: the step of median length among `steps`.
 *
 * @param step runs one whole step
 */
export const profileStep = (step: () => unknown, peak: Peak, steps = 15): ProfileLine[] => {
  for (let i = 0; i < WARM_UP; i++) step();
  const logs = Array.from({ length: steps }, () => logLaunches(cpu, step));
  const middle = median(logs.map(({ seconds }) => seconds));
  const log = logs.reduce((near, one) =>
    Math.abs(one.seconds - middle) < Math.abs(near.seconds - middle) ? one : near,
  );

  const families = new Map<OpFamily, { total: Total; ops: Map<string, Total> }>();
  const whole = nothing();
  for (const { launch, seconds } of log.launches) {
    const { family, flops, bytes } = costOf(launch);
    const entry = families.get(family) ?? { total: nothing(), ops: new Map<string, Total>() };
    families.set(family, entry);
    const op = entry.ops.get(launch.op.name) ?? nothing();
    entry.ops.set(launch.op.name, op);
    for (const sum of [entry.total, op, whole]) {
      sum.calls++;
      sum.seconds += seconds;
      sum.flops += flops;
      sum.bytes += bytes;
      sum.elements = Math.max(sum.elements, bytes / 8);
    }
  }
  const line = (
    family: ProfileLine["family"],
    { calls, seconds, flops, bytes, elements }: Total,
    ops: ProfileLine["ops"] = [],
  ): ProfileLine => {
    const computes = flops > 0;
    const rate = (computes ? flops : bytes) / seconds;
    return {
      family,
      calls,
      milliseconds: 1000 * seconds,
      shareOfStep: seconds / log.seconds,
      gflops: computes ? rate / 1e9 : null,
      gigabytesPerSecond: computes ? null : rate / 1e9,
      shareOfPeak: rate / (computes ? peak.flops : copySpeed(peak, elements)),
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
  const between = log.seconds - whole.seconds;
  const rest = { calls: 0, gflops: null, gigabytesPerSecond: null, shareOfPeak: null, ops: [] };
  return [
    ...lines,
    { ...rest, family: "between the ops", milliseconds: 1000 * between, shareOfStep: between / log.seconds },
    line("whole step", { ...whole, seconds: log.seconds }),
  ];
};

/** A profile as a table. */
export const profileTable = (title: string, lines: readonly ProfileLine[], { flops }: Peak): Table =>
  makeTable(title, lines, columns, [
    `Peak: ${digits(flops / 1e9)} GFLOP/s of a loop in registers, or the speed of a plain copy of as many bytes as the family's largest op moves.`,
    "Between the ops: views, the tape, scopes, the batch, and all other JavaScript.",
  ]);

const number = (value: number | null): string => (value === null ? "" : digits(value));

const columns: readonly Column<ProfileLine>[] = [
  { label: "family", cell: ({ family }) => family },
  { label: "calls", cell: ({ calls }) => (calls === 0 ? "" : `${calls}`) },
  { label: "ms", cell: ({ milliseconds }) => milliseconds.toFixed(2) },
  { label: "of step", cell: ({ shareOfStep }) => percent(shareOfStep) },
  { label: "GFLOP/s", cell: ({ gflops }) => number(gflops) },
  { label: "GB/s", cell: ({ gigabytesPerSecond }) => number(gigabytesPerSecond) },
  { label: "of peak", cell: ({ shareOfPeak }) => (shareOfPeak === null ? "" : percent(shareOfPeak)) },
  {
    label: "slowest ops",
    cell: ({ ops }) =>
      ops
        .slice(0, 3)
        .map(({ name, calls, milliseconds }) => `${name} ${milliseconds.toFixed(2)} (${calls}×)`)
        .join(", "),
  },
];
