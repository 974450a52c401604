// Pairs of processes that want one run folder at the same moment, most of them right after its owner was killed. By itself:
//   npm run trials:lock -- [pairs] [seed] [path of another version's folder-lock.ts]
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SeededRandom } from "@tessera/models/data";
import { build } from "esbuild";
import type { Order } from "./lock-contender.ts";

export const OWN_LOCK = fileURLToPath(new URL("../../apps/cli/src/run-folder/folder-lock.ts", import.meta.url));
const contender = fileURLToPath(new URL("lock-contender.ts", import.meta.url));

/** After so long a folder must be free again, whatever became of its owner. */
const MAX_SECONDS = 15;

/**
 * - `killed`: an owner is killed, and two come at once
 * - `plain`: two come to a folder that no one has
 * - `blocked`: the owner's main thread stands still; one of the two says that it is another machine's
 * - `stale`: the owner was another machine's, which is gone
 */
export type TrialKind = "killed" | "plain" | "blocked" | "stale";

export interface LockTrialResult {
  kind: TrialKind;
  owners: number;
  /** From the common moment to the last answer. */
  seconds: number;
  /** What the two said. */
  said: string[];
  /** Whether it went as it must. */
  fits: boolean;
}

interface Contender {
  child: ChildProcessWithoutNullStreams;
  next(): Promise<string>;
  order(order: Order): void;
  end(): Promise<void>;
}

const startContender = (script: string): Contender => {
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  const waiting: ((line: string) => void)[] = [];
  const lines: string[] = [];
  let rest = "";
  const take = (line: string): void => {
    const first = waiting.shift();
    if (first) first(line);
    else lines.push(line);
  };
  child.stdout.on("data", (chunk: Buffer) => {
    const all = (rest + chunk.toString()).split("\n");
    rest = all.pop()!;
    all.forEach(take);
  });
  child.stderr.on("data", (chunk: Buffer) => take(`failed: ${chunk.toString()}`));
  child.stdin.on("error", () => {});
  return {
    child,
    next: () =>
      new Promise((done) => {
        const line = lines.shift();
        if (line === undefined) waiting.push(done);
        else done(line);
      }),
    order: (order) => void child.stdin.write(`${JSON.stringify(order)}\n`),
    end: async () => {
      child.stdin.end("over\n");
      await ended;
    },
  };
};

const kill = async ({ child }: Contender): Promise<void> => {
  const ended = new Promise((done) => child.once("close", done));
  child.kill("SIGKILL");
  await ended;
};

/** How long the owner of a `blocked` trial stands still: longer than another machine may be silent. */
const BLOCKED_MILLISECONDS = 13_000;

const runTrial = async (script: string, folder: string, kind: TrialKind): Promise<LockTrialResult> => {
  await mkdir(folder, { recursive: true });
  const pair = [startContender(script), startContender(script)];
  const victim = kind === "killed" || kind === "blocked" ? startContender(script) : undefined;
  await Promise.all([...pair, ...(victim ? [victim] : [])].map((each) => each.next()));
  if (victim) {
    victim.order({ folder, at: 0, ...(kind === "blocked" ? { blocks: BLOCKED_MILLISECONDS } : {}) });
    await victim.next();
  }
  // The file of an owner of another machine, as `folder-lock.ts` makes it.
  if (kind === "stale") writeFileSync(join(folder, ".tessera-lock-57a1e0000000-7-77-00000000000000aa"), "gone");
  // Nobody waits for the end of the killed process here: its number is still taken when the two look.
  if (kind === "killed") victim!.child.kill("SIGKILL");
  const at = Date.now() + 15;
  pair.forEach((each, i) => each.order({ folder, at, ...(kind === "blocked" && i === 1 ? { elsewhere: true } : {}) }));
  const said = await Promise.all(pair.map((each) => each.next()));
  const seconds = (Date.now() - at) / 1000;
  await Promise.all(pair.map((each) => each.end()));
  if (victim && kind === "blocked") await kill(victim);
  await rm(folder, { recursive: true, force: true });
  const owners = said.filter((each) => each === "won").length;
  const refused = said.filter((each) => each === "refused").length;
  const expected = kind === "blocked" ? 0 : 1;
  return {
    kind,
    owners,
    seconds,
    said,
    fits: owners === expected && refused === 2 - expected && seconds < MAX_SECONDS,
  };
};

export interface LockTrialOptions {
  /** How many pairs of each kind. */
  pairs: Readonly<Record<TrialKind, number>>;
  seed: number;
  /** The `folder-lock.ts` that is tried. */
  lock?: string;
}

/** Runs the pairs of some kinds in an order that the seed decides: those that mostly wait beside the others. */
export const runLockTrials = async ({ pairs, seed, lock = OWN_LOCK }: LockTrialOptions): Promise<LockTrialResult[]> => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-trials-"));
  const script = join(folder, "contender.mjs");
  await build({
    stdin: {
      contents: `import { contend } from ${JSON.stringify(contender)}; import { lockFolder } from ${JSON.stringify(lock)}; await contend(lockFolder);`,
      resolveDir: folder,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: script,
  });
  const random = new SeededRandom(seed, "lock trials");
  const listed = (["killed", "plain", "blocked", "stale"] as const).flatMap((kind) =>
    Array.from({ length: pairs[kind] }, () => kind),
  );
  const order = listed.map((kind) => ({ kind, key: random.nextInt(2 ** 30) })).sort((a, b) => a.key - b.key);
  const lanes = [["killed", "plain"], ["blocked"], ["stale"]] as const;
  const results = lanes.map(async (kinds) => {
    const found: LockTrialResult[] = [];
    for (const [i, { kind }] of order.entries())
      if ((kinds as readonly TrialKind[]).includes(kind))
        found.push(await runTrial(script, join(folder, `${kind}-${i}`), kind));
    return found;
  });
  try {
    return (await Promise.all(results)).flat();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = "200", seed = "0", lock = OWN_LOCK] = process.argv.slice(2);
  const slow = Math.ceil(Number(count) / 20);
  // A version before cannot say that it is another machine's, and leaves no such file.
  const pairs = lock === OWN_LOCK ? { blocked: slow, stale: slow } : { blocked: 0, stale: 0 };
  const rest = Number(count) - pairs.blocked - pairs.stale;
  const plain = Math.floor(rest / 4);
  const results = await runLockTrials({ pairs: { ...pairs, plain, killed: rest - plain }, seed: Number(seed), lock });
  for (const kind of ["killed", "plain", "blocked", "stale"] as const) {
    const of = results.filter((each) => each.kind === kind);
    const two = of.filter(({ owners }) => owners > 1).length;
    const longest = Math.max(0, ...of.map(({ seconds }) => seconds));
    console.log(
      `${kind.padEnd(8)} ${of.length} pairs: ${of.filter(({ fits }) => fits).length} as they must, ${two} with two owners, longest ${longest.toFixed(2)} s`,
    );
  }
  for (const each of results.filter(({ fits }) => !fits)) console.log(JSON.stringify(each));
  process.exitCode = results.every(({ fits }) => fits) ? 0 : 1;
}
