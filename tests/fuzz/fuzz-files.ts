// `npm run fuzz -- files --count 100000 --seed 1`: runs a program of hostile inputs, prints what failed and the counts, and ends with 1 if
// anything did. `--from 4711 --count 1` runs one case again.
import { parseArgs } from "node:util";
import { files } from "./files.ts";
import type { FuzzProgram } from "./program.ts";

const programs: Readonly<Record<string, FuzzProgram>> = { files };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
  },
});
const [count, seed, from] = [values.count, values.seed, values.from].map(Number);
const [name = ""] = positionals;
const program = Object.hasOwn(programs, name) ? programs[name] : undefined;
if (!program || [count, seed, from].some((n) => !Number.isSafeInteger(n) || n! < 0)) {
  console.error("usage: npm run fuzz -- PROGRAM [--count N] [--seed N] [--from N]");
  for (const [each, { summary }] of Object.entries(programs)) console.error(`  ${each}: ${summary}`);
  process.exit(2);
}

let failed = 0;
const shown = new Map<string, number>();
const tally = await program.run({
  seed: seed!,
  from: from!,
  to: from! + count!,
  onFailure: ({ index, what, why }) => {
    failed++;
    const kind = `${what}: ${why}`.replace(/[0-9]+/g, "0").slice(0, 90);
    shown.set(kind, (shown.get(kind) ?? 0) + 1);
    if (shown.get(kind)! <= 3) console.log(`FAIL ${name} --seed ${seed} --from ${index} --count 1 (${what}): ${why}`);
  },
});
for (const [what, number] of Object.entries(tally)) console.log(`${what.padEnd(28)} ${number}`);
console.log(`${count} cases of ${name}, seed ${seed}: ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
