// `npm run bench -- sweep`: how much sooner is a sweep of 40 cells done by two workers of one thread than by one? Both give the same rows, or it ends.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, machineLine } from "./machine.ts";
import { loadWarning } from "./report.ts";
import { makeTable, textOf } from "./table.ts";

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { repeats: { type: "string", default: "3" }, redis: { type: "string" } },
});

const cli = fileURLToPath(new URL("../apps/cli/src/cli.ts", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "tessera-sweep-"));

const start = (...args: string[]): { ended: Promise<void>; stop: () => void } => {
  const child = spawn(process.execPath, [...process.execArgv, cli, ...args, "--quiet"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = new Promise<void>((done, failed) => {
    child.on("error", failed);
    child.on("exit", (code, signal) =>
      code === 0 ? done() : failed(new Error(`tessera ${args[0]} ended with ${signal ?? code}`)),
    );
  });
  return { ended, stop: () => child.kill("SIGTERM") };
};

const model = join(folder, "fine");
const CELLS = 40;

/** 13 layers at 3 densities, and the dense model: each cell is a recovery of 40 steps and an evaluation. */
const sweep = (out: string, ...more: string[]): string[] => [
  "sensitivity",
  model,
  "--densities",
  "0.5,0.25,0.1",
  "--block-size",
  "16",
  "--recovery-steps",
  "40",
  "--limit",
  "600",
  "--threads",
  "1",
  "--out",
  out,
  ...more,
];

interface Pair {
  one: number;
  two: number;
  redis: number | null;
}

const rowsOf = async (out: string): Promise<string> =>
  (await readFile(join(out, "rows.jsonl"), "utf8")).trim().split("\n").toSorted().join("\n");

const time = async (name: string, ...more: string[]): Promise<{ seconds: number; rows: string }> => {
  const out = join(folder, name);
  const begun = performance.now();
  await start(...sweep(out, ...more)).ended;
  return { seconds: (performance.now() - begun) / 1000, rows: await rowsOf(out) };
};

/** Two workers that wait already, as on machines that serve one sweep after the other; their processes start with the sweep. */
const timeThroughRedis = async (name: string, url: string): ReturnType<typeof time> => {
  const workers = [1, 2].map((i) => start("worker", "--queue", url, "--threads", "1", "--out", join(folder, `w${i}`)));
  for (const { ended } of workers) ended.catch(() => undefined);
  await new Promise((done) => setTimeout(done, 5000));
  try {
    return await time(name, "--queue", url);
  } finally {
    for (const { stop } of workers) stop();
    await Promise.allSettled(workers.map(({ ended }) => ended));
  }
};

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;

try {
  const machine = describeMachine();
  console.log(`${machineLine(machine)}\n`);
  const warning = loadWarning(machine);
  if (warning) console.log(`${warning}\n`);
  await start("pretrain", "--tokens", "200000", "--out", join(folder, "pre")).ended;
  await start("finetune", join(folder, "pre"), "--steps", "40", "--out", model).ended;
  const pairs: Pair[] = [];
  for (let i = 0; i < Number(values.repeats); i++) {
    const one = await time(`one${i}`);
    const two = await time(`two${i}`, "--workers", "2");
    const redis = values.redis === undefined ? null : await timeThroughRedis(`redis${i}`, values.redis);
    const count = one.rows.split("\n").length;
    if (count !== CELLS) throw new Error(`sweep: expected ${CELLS} cells, got ${count}`);
    if (two.rows !== one.rows || (redis && redis.rows !== one.rows))
      throw new Error("sweep: expected the rows of one worker from two, got others");
    pairs.push({ one: one.seconds, two: two.seconds, redis: redis && redis.seconds });
  }
  const ratios = pairs.map(({ one, two }) => one / two);
  console.log(
    textOf(
      makeTable(
        `A sweep of ${CELLS} cells, workers of one thread`,
        pairs,
        [
          { label: "one worker, s", cell: ({ one }) => one.toFixed(1) },
          { label: "two workers, s", cell: ({ two }) => two.toFixed(1) },
          { label: "ratio", cell: ({ one, two }) => (one / two).toFixed(2) },
          ...(values.redis === undefined
            ? []
            : [
                { label: "two through Redis, s", cell: ({ redis }: Pair) => redis!.toFixed(1) },
                { label: "its ratio", cell: ({ one, redis }: Pair) => (one / redis!).toFixed(2) },
              ]),
        ],
        [`median ratio ${median(ratios).toFixed(2)}; start-up and report included; all gave the same rows`],
      ),
    ),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
