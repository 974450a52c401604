// `npm run fuzz -- programs --count N --seed S --devices reference,cpu [--write FILE.jsonl]`: random programs on several devices.
import { createWriteStream } from "node:fs";
import { parseArgs } from "node:util";
import { openDevice, type Backend } from "@tessera/tensor";
import fc from "fast-check";
import { compareDevices, type Mismatch, type Tally } from "./compare-outcomes.ts";
import { programs } from "./programs.ts";
import { runProgram, shortNumbers } from "./run-program.ts";

const USAGE = "usage: npm run fuzz -- programs [--count N] [--seed S] [--devices reference,cpu] [--write FILE.jsonl]";
/** Kinds of mismatches that are printed whole. */
const MAX_SHOWN = 40;

/** Draws in portions, so that a million programs need no more memory than a thousand. */
function* draw(count: number, seed: number) {
  const portion = 500;
  for (let done = 0; done < count; done += portion)
    yield* fc.sample(programs, { seed: seed + done / portion, numRuns: Math.min(portion, count - done) });
}

const main = async (): Promise<number> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      devices: { type: "string", default: "reference,cpu" },
      write: { type: "string" },
    },
  });
  const [count, seed] = [Number(values.count), Number(values.seed)];
  if (positionals.join() !== "programs" || !Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(seed)) {
    console.error(USAGE);
    return 2;
  }
  const devices: Backend[] = [];
  for (const name of values.devices.split(",")) devices.push(await openDevice(name as "cpu"));
  const [oracle, ...others] = devices as [Backend, ...Backend[]];
  const file = values.write === undefined ? null : createWriteStream(values.write);
  const tally: Tally = { compared: 0, outOfRange: 0 };
  const found = new Map<string, Mismatch[]>();
  let nodes = 0;
  for (const program of draw(count, seed)) {
    nodes += program.nodes.length;
    const outcome = await runProgram(program, oracle);
    for (const device of others)
      for (const mismatch of await compareDevices(program, oracle, device, tally, outcome)) {
        const key = `${mismatch.op} ${mismatch.what.replace(/-?\d[\d.e+-]*|NaN|-?Infinity/g, "·")}`;
        found.set(key, [...(found.get(key) ?? []), mismatch]);
      }
    if (!file) continue;
    const { values: made, gradients, total, error } = outcome;
    const compact = (list: readonly number[] | null) => list && shortNumbers(list);
    const line = {
      ...program,
      values: made.map(compact),
      gradients: gradients.map((one) => one && one.map(compact)),
      total: total.map(compact),
      error,
    };
    if (!file.write(`${JSON.stringify(line)}\n`)) await new Promise<void>((done) => file.once("drain", () => done()));
  }
  if (file) await new Promise<void>((done) => file.end(() => done()));
  for (const [key, list] of [...found].slice(0, MAX_SHOWN)) {
    const smallest = list.reduce((a, b) =>
      JSON.stringify(b.program).length < JSON.stringify(a.program).length ? b : a,
    );
    console.log(`${list.length} × ${key}\n  ${smallest.what}\n  ${JSON.stringify(smallest.program)}`);
  }
  console.log(
    `${count} programs of seed ${seed}, ${nodes} calls, ${devices.map(({ name }) => name).join(" against ")}`,
  );
  console.log(`${tally.compared} calls compared, ${tally.outOfRange} left out whose terms leave float32`);
  const mismatches = [...found.values()].reduce((n, list) => n + list.length, 0);
  console.log(`${mismatches} mismatches of ${found.size} kinds`);
  return mismatches > 0 ? 1 : 0;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 2;
  },
);
