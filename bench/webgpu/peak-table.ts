import { digits, makeTable, type Column, type Table } from "../table.ts";
import type { GpuSetting } from "./gpu-setting.ts";

interface PeakRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly pytorch: number | null;
}

/** What the device does at most, and what asking it costs. */
export const peakTable = async ({ peak, pytorch }: GpuSetting): Promise<Table[]> => {
  const copy = pytorch.ms("memory", "copy");
  const one = pytorch.ms("peak", "add of 256 elements");
  const issue = pytorch.ms("peak", "add of 256 elements, issue");
  const read = pytorch.ms("peak", "read one element");
  const megabytes = (peak.copiedBytes / 2 ** 20).toFixed(peak.copiedBytes < 2 ** 22 ? 2 : 0);
  const rows: PeakRow[] = [
    { what: "multiply-adds in registers", value: peak.flops / 1e12, unit: "TFLOP/s", pytorch: null },
    {
      what: `copy of ${megabytes} MiB, read and written`,
      value: peak.copyBytesPerSecond / 1e9,
      unit: "GB/s",
      pytorch: copy === null ? null : (2 * peak.copiedBytes) / copy / 1e6,
    },
    {
      what: "op on 256 elements, JavaScript's part",
      value: 1e6 * peak.issueSeconds,
      unit: "µs",
      pytorch: issue === null ? null : 1000 * issue,
    },
    {
      what: "op on 256 elements, 1,000 and one wait",
      value: 1e6 * peak.opSeconds,
      unit: "µs",
      pytorch: one === null ? null : 1000 * one,
    },
    {
      what: "read one element",
      value: 1e6 * peak.readSeconds,
      unit: "µs",
      pytorch: read === null ? null : 1000 * read,
    },
    { what: "wait for nothing", value: 1e6 * peak.syncSeconds, unit: "µs", pytorch: null },
  ];
  return [
    makeTable("What the device does, and what asking costs", rows, columns(pytorch.isThere), [
      "Multiply-adds: eight vec4 accumulators an invocation, best round; what follows is measured against it. Copy: clone of a tensor, bytes read and bytes written both counted.",
      ...(pytorch.isThere ? ["PyTorch's part in the third row is Python's and its dispatcher's, from the host."] : []),
    ]),
  ];
};

const columns = (withPytorch: boolean): Column<PeakRow>[] => [
  { label: "", cell: ({ what }) => what },
  { label: "Tessera", cell: ({ value }) => digits(value) },
  ...(withPytorch
    ? [{ label: "PyTorch", cell: ({ pytorch }: PeakRow) => (pytorch === null ? "–" : digits(pytorch)) }]
    : []),
  { label: "unit", cell: ({ unit }) => unit },
];
