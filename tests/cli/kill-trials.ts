// Runs that are killed at random moments, again and again, and must end with the bytes of a run that nobody disturbed. By itself:
//   npm run trials:kill -- [moments] [seed] [seconds at most] [command …]
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { SeededRandom } from "@tessera/models/data";
import { runTessera, startTessera } from "./run-tessera.ts";

export const KILLED_COMMANDS = ["pretrain", "finetune", "sensitivity", "demo"] as const;
export type KilledCommand = (typeof KILLED_COMMANDS)[number];

export interface KillTrialResult {
  command: KilledCommand;
  /** Kills that hit the process before it had ended. */
  kills: number;
  /** Of those: after the process had written its first file, and before it was done. */
  midway: number;
  /** Files whose bytes are not those of the undisturbed run. */
  different: string[];
  /** What a resumed run said that it must not say. */
  errors: string[];
}

/** A command, and the files that make up what it found: times are in the others. */
interface Subject {
  readonly args: (out: string) => string[];
  resume: readonly string[];
  results: readonly string[];
}

const MODEL_FILES = ["model.safetensors", "config.json", "tokenizer.json", "texts.json"];

const animals = ["bird", "cat", "fish", "horse", "snake"];
const tools = ["hammer", "saw", "wrench", "drill", "chisel"];

/** Runs a command line to its end. */
type RunWhole = (args: readonly string[]) => Promise<{ code: number | null; err: string }>;

/** Texts, and a small model of each kind, which the commands begin with. */
const prepare = async (folder: string, run: RunWhole): Promise<Record<KilledCommand, Subject>> => {
  const path = (...parts: string[]): string => join(folder, ...parts);
  const random = new SeededRandom(3, "texts");
  const pick = (): string => [animals, tools][random.nextInt(2)]![random.nextInt(5)]!;
  writeFileSync(
    path("texts.txt"),
    Array.from({ length: 300 }, () => `a small ${pick()} and an old ${pick()}`).join("\n"),
  );
  const labelled = ["a small", "an old", "a red"].flatMap((adjective) => [
    ...animals.map((noun) => `animal\t${adjective} ${noun}`),
    ...tools.map((noun) => `tool\t${adjective} ${noun}`),
  ]);
  writeFileSync(path("train.tsv"), `${labelled.join("\n")}\n`);
  const small = "--hidden 32 --layers 2 --heads 2 --vocab 300 --length 16 --threads 1".split(" ");
  const texts = ["--text", path("texts.txt")];
  const files = ["--train", path("train.tsv"), "--test", path("train.tsv")];
  const pretrain = (out: string, tokens: number): string[] => [
    "pretrain",
    ...texts,
    ...small,
    "--tokens",
    String(tokens),
    "--out",
    out,
  ];
  const finetune = (out: string, steps: number): string[] => [
    "finetune",
    path("pre"),
    ...files,
    "--steps",
    String(steps),
    "--threads",
    "1",
    "--out",
    out,
  ];
  for (const args of [pretrain(path("pre"), 6400), finetune(path("fine"), 20)]) {
    const { code, err } = await run(args);
    if (code !== 0) throw new Error(`kill trials: expected ${args[0]} to make a model, got ${err}`);
  }
  const sweep = ["sensitivity", path("fine"), "--test", path("train.tsv"), "--block-size", "8", "--threads", "1"];
  return {
    pretrain: { args: (out) => pretrain(out, 64_000), resume: ["--resume"], results: MODEL_FILES },
    finetune: { args: (out) => finetune(out, 200), resume: ["--resume"], results: MODEL_FILES },
    sensitivity: { args: (out) => [...sweep, "--out", out], resume: [], results: ["rows.jsonl"] },
    demo: {
      args: (out) => ["demo", "--tokens", "20000", "--finetune-steps", "12", "--out", out],
      resume: [],
      results: ["pretrained", "patched", "scratch", "dense", "sparse"].flatMap((name) =>
        MODEL_FILES.map((file) => join("models", name, file)),
      ),
    },
  };
};

const hash = (path: string): string => {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return "none";
  }
};

/** What a killed process may leave in a run folder, and a finished run must not. */
const findLeftovers = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.tessera-lock|tessera-commit|\.tmp$/.test(file),
  );

/** Kills one run `moments` times, at moments of the whole run by a generator, and lets it finish then. */
const tryCommand = async (
  folder: string,
  command: KilledCommand,
  { args, resume, results }: Subject,
  { moments, random, until, run }: { moments: number; random: SeededRandom; until: number; run: RunWhole },
): Promise<KillTrialResult> => {
  const whole = join(folder, `${command}-whole`);
  const begun = performance.now();
  const undisturbed = await runTessera(args(whole));
  if (undisturbed.code !== 0) throw new Error(`kill trials: expected ${command} to do well, got ${undisturbed.err}`);
  const milliseconds = performance.now() - begun;
  const expected = results.map((file) => hash(join(whole, file)));
  const found: KillTrialResult = { command, kills: 0, midway: 0, different: [], errors: [] };
  let out = join(folder, `${command}-0`);
  let attempts = 0;

  const finish = async (): Promise<void> => {
    const { code, err } = await run([...args(out), ...resume]);
    if (code !== 0) found.errors.push(err);
    results.forEach((file, i) => {
      if (hash(join(out, file)) !== expected[i]) found.different.push(`${out}: ${file}`);
    });
    found.different.push(...findLeftovers(out).map((file) => `${out}: left ${file}`));
    await rm(out, { recursive: true, force: true });
    out = join(folder, `${command}-${++attempts}`);
  };

  let since = 0;
  while (found.kills < moments && performance.now() < until) {
    // From the first file on: what comes before is the start of the process.
    const running = startTessera([...args(out), ...resume]);
    await sleep(milliseconds * (0.15 + (0.85 * random.nextInt(1000)) / 1000));
    if (running.child.exitCode === null && running.child.kill("SIGKILL")) {
      found.kills++;
      since++;
    }
    const { code, signal, err } = await running.ended;
    if (signal === null && code !== 0) found.errors.push(err);
    if (signal === "SIGKILL" && readdirSync(folder).includes(out.slice(folder.length + 1))) found.midway++;
    // A run that has ended by itself, or was killed three times, is compared; the next kills hit a new one.
    if (signal === null || since === 3) {
      await finish();
      since = 0;
    }
  }
  if (since > 0) await finish();
  await rm(whole, { recursive: true, force: true });
  return found;
};

export interface KillTrialOptions {
  /** How many kills of each command. */
  moments: Readonly<Partial<Record<KilledCommand, number>>>;
  seed: number;
  /** Begins no kill after so long; each command has an equal share. */
  maxSeconds?: number;
  /** Runs a command to its end where nobody kills it. Default: in a process of its own. */
  run?: RunWhole;
  onResult?: (result: KillTrialResult) => void;
}

export const runKillTrials = async ({
  moments,
  seed,
  maxSeconds = Infinity,
  run = runTessera,
  onResult,
}: KillTrialOptions): Promise<KillTrialResult[]> => {
  const folder = mkdtempSync(join(tmpdir(), "tessera-kills-"));
  try {
    const subjects = await prepare(folder, run);
    const results: KillTrialResult[] = [];
    for (const command of KILLED_COMMANDS) {
      const count = moments[command] ?? 0;
      if (count === 0) continue;
      const until = performance.now() + (1000 * maxSeconds) / Object.keys(moments).length;
      const random = new SeededRandom(seed, command);
      const result = await tryCommand(folder, command, subjects[command], { moments: count, random, until, run });
      onResult?.(result);
      results.push(result);
    }
    return results;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = "200", seed = "0", seconds = "Infinity", ...named] = process.argv.slice(2);
  const commands = KILLED_COMMANDS.filter((name) => named.length === 0 || named.includes(name));
  const share = Math.ceil(Number(count) / commands.length);
  const results = await runKillTrials({
    moments: Object.fromEntries(commands.map((name) => [name, share])),
    seed: Number(seed),
    maxSeconds: Number(seconds),
    onResult: ({ command, kills, midway, different, errors }) =>
      console.log(
        `${command.padEnd(12)} ${kills} kills, ${midway} of them midway: ${different.length} files other than undisturbed, ${errors.length} errors`,
      ),
  });
  for (const { different, errors } of results) for (const each of [...different, ...errors]) console.log(each);
  process.exitCode = results.every(({ different, errors }) => different.length + errors.length === 0) ? 0 : 1;
}
