import { DeviceError, type KernelTime } from "@tessera/tensor";
import { digits, makeTable, percent, type Column, type Table } from "../table.ts";
import type { GpuSetting } from "./gpu-setting.ts";
import type { RobertaTraining } from "./roberta-training.ts";

const SHOWN = 16;

interface Line {
  readonly kernel: string;
  readonly dispatches: number;
  readonly ms: number;
  readonly share: number;
}

/** Where the device's time in one step goes, by timestamps around every dispatch. */
export const kernelTable = async (title: string, training: RobertaTraining, { gpu }: GpuSetting): Promise<Table> => {
  const name = `Kernels of a step: ${title}`;
  let times: readonly KernelTime[];
  try {
    times = await gpu.time(() => training.step());
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return makeTable(name, [], columns, [error.message]);
  }
  const kernels = new Map<string, { dispatches: number; seconds: number }>();
  let total = 0;
  for (const { label, seconds } of times) {
    const kernel = kernels.get(label) ?? { dispatches: 0, seconds: 0 };
    kernels.set(label, { dispatches: kernel.dispatches + 1, seconds: kernel.seconds + seconds });
    total += seconds;
  }
  const lines = [...kernels]
    .map(([kernel, { dispatches, seconds }]): Line => ({
      kernel,
      dispatches,
      ms: 1000 * seconds,
      share: seconds / total,
    }))
    .toSorted((a, b) => b.ms - a.ms);
  const rest = lines.slice(SHOWN);
  const sum = (kernel: string, of: readonly Line[]): Line => ({
    kernel,
    dispatches: of.reduce((count, line) => count + line.dispatches, 0),
    ms: of.reduce((time, line) => time + line.ms, 0),
    share: of.reduce((share, line) => share + line.share, 0),
  });
  return makeTable(
    name,
    [...lines.slice(0, SHOWN), ...(rest.length > 0 ? [sum(`${rest.length} others`, rest)] : []), sum("all", lines)],
    columns,
    [
      "Each dispatch runs in a pass of its own here, so that it can be timed; in a step they overlap, and the whole is shorter.",
    ],
  );
};

const columns: readonly Column<Line>[] = [
  { label: "kernel", cell: ({ kernel }) => kernel },
  { label: "dispatches", cell: ({ dispatches }) => `${dispatches}` },
  { label: "ms", cell: ({ ms }) => ms.toFixed(3) },
  { label: "µs each", cell: ({ ms, dispatches }) => digits((1000 * ms) / dispatches) },
  { label: "of all", cell: ({ share }) => percent(share) },
];
