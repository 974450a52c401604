// `npm run bench -- versions --before DIR`: is this checkout as fast as another one, and are its results the same? See `usage`.
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bundleFile } from "../bundle-file.ts";
import { UsageError } from "../options.ts";
import { digits, makeTable, textOf, type Column } from "../table.ts";
import { compare, type Comparison } from "./compare.ts";
import { WORKLOADS, type DeviceName, type WorkloadName } from "./workloads.ts";

const usage = `npm run bench -- versions --before DIR [options]

Times this checkout beside another one, built or not, in turns: one process each, a sample of each a pair.

  --before DIR      the other checkout, with its node_modules; or, with --after, a job that was bundled before
  --after FILE      the job of this checkout, bundled before: both then run where there is no npm
  --builds A,B      the builds of the kernels, of base, relaxed, wide, for the one before and the one after: with --before . of one checkout
  --node PATH       the Node that runs both; default: this one
  --device NAME     cpu or webgpu; default cpu
  --threads LIST    default: 1 and as many as the machine has
  --only LIST       of ${[...new Set(Object.values(WORKLOADS).flat())].join(", ")}; default: all of the device
  --pairs N         default 30
  --seconds S       what a sample lasts at the least; default 0.25
  --bundle DIR      write the jobs and this program there, and run nothing
  --json FILE       write all numbers there`;

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Bundles a file beside this one with the packages of any checkout. */
const bundle = (entry: string, checkout: string, outfile: string): Promise<string> =>
  bundleFile({ entry: fileURLToPath(new URL(entry, import.meta.url)), checkout, outfile });

const numberOf = (name: string, text: string, isRight: (n: number) => boolean): number => {
  const n = Number(text);
  if (!isRight(n)) throw new UsageError(`bench: ${name} takes a number from 1 up, got "${text}"`);
  return n;
};
const isCount = (n: number): boolean => Number.isInteger(n) && n >= 1;

const parse = () => {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      before: { type: "string" },
      after: { type: "string" },
      device: { type: "string", default: "cpu" },
      builds: { type: "string" },
      node: { type: "string", default: process.execPath },
      threads: { type: "string" },
      only: { type: "string" },
      pairs: { type: "string", default: "30" },
      seconds: { type: "string", default: "0.25" },
      bundle: { type: "string" },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  return values;
};

const workloadsOf = (device: DeviceName, only: string | undefined): readonly WorkloadName[] => {
  const all: readonly WorkloadName[] = WORKLOADS[device];
  if (only === undefined) return all;
  return only.split(",").map((name) => {
    const found = all.find((one) => one === name.trim());
    if (!found) throw new UsageError(`bench: --only takes ${all.join(", ")} on ${device}, got "${name}"`);
    return found;
  });
};

const columns: readonly Column<Comparison>[] = [
  { label: "workload", cell: ({ workload }) => workload },
  { label: "threads", cell: ({ device, threads }) => (device === "cpu" ? `${threads}` : "") },
  { label: "before ms", cell: ({ beforeMs }) => digits(beforeMs) },
  { label: "after ms", cell: ({ afterMs }) => digits(afterMs) },
  { label: "speed", cell: ({ speed }) => speed.ratio.toFixed(3) },
  { label: "95 % interval", cell: ({ speed: { low, high } }) => `${low.toFixed(3)} to ${high.toFixed(3)}` },
  { label: "same loss", cell: ({ sameLoss }) => (sameLoss ? "yes" : "NO") },
];

const main = async (): Promise<void> => {
  const options = parse();
  if (options.help || options.before === undefined) {
    console.log(usage);
    if (!options.help) process.exitCode = 2;
    return;
  }
  const device = options.device as DeviceName;
  if (!(device in WORKLOADS)) throw new UsageError(`bench: --device is cpu or webgpu, got "${device}"`);
  const workloads = workloadsOf(device, options.only);
  const pairs = numberOf("--pairs", options.pairs, isCount);
  const sampleSeconds = numberOf("--seconds", options.seconds, (n) => n > 0);

  const folder = resolve(options.bundle ?? join(root, "node_modules/.cache/tessera-versions"));
  mkdirSync(folder, { recursive: true });
  const jobs =
    options.after === undefined
      ? {
          before: await bundle("job.ts", resolve(options.before), join(folder, "before.mjs")),
          after: await bundle("job.ts", root, join(folder, "after.mjs")),
        }
      : { before: resolve(options.before), after: resolve(options.after) };
  if (options.bundle !== undefined) {
    await bundle("main.ts", root, join(folder, "versions.mjs"));
    console.log(`node versions.mjs versions --before before.mjs --after after.mjs   in ${folder}`);
    return;
  }

  const all = availableParallelism();
  const counts = options.threads?.split(",").map((text) => numberOf("--threads", text, isCount)) ?? [1, all];
  const [buildBefore = null, buildAfter = null] = options.builds?.split(",") ?? [];
  const { node } = options;
  const versions = {
    before: { job: jobs.before, node, build: buildBefore },
    after: { job: jobs.after, node, build: buildAfter },
  };
  const done: Comparison[] = [];
  for (const threads of device === "cpu" ? new Set(counts) : [1])
    done.push(
      ...(await compare(versions, {
        device,
        threads,
        workloads,
        pairs,
        sampleSeconds,
        say: (text) => console.error(text),
      })),
    );
  const table = makeTable(`This version beside the one before, on ${device}`, done, columns, [
    `Speed: the median over ${pairs} pairs of the time before by the time after, and its bootstrap interval. Same loss: to the bit, after the same steps.`,
  ]);
  console.log(textOf(table));
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(done, null, 1)}\n`);
};

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
