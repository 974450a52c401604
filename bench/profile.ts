import type { DevicePeak, ProfileLine } from "@tessera/models/profiling";
import { digits, makeTable, percent, type Column, type Table } from "./table.ts";

/** A profile as a table. */
export const profileTable = (title: string, lines: readonly ProfileLine[], { flops }: DevicePeak): Table =>
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
