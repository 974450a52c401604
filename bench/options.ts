import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

/** The questions that are asked of the cpu, by the names that `--only` takes. */
export const SECTIONS = ["dense", "sparse", "break-even", "memory", "steps", "profile", "pytorch"] as const;
export type SectionName = (typeof SECTIONS)[number];

/** Whether a section compares with other JavaScript libraries. */
export const hasRivals = (section: SectionName): boolean => ["dense", "memory", "steps"].includes(section);
/** Whether a section's process, and what it starts, keeps to as many whole cores as it has threads. */
export const pinsCores = (section: SectionName): boolean => section === "pytorch";

export interface BenchOptions {
  /** Small shapes and few rounds. */
  readonly quick: boolean;
  /** A file for everything that was measured. */
  readonly json: string | null;
  readonly threads: readonly number[];
  readonly only: readonly SectionName[];
  readonly rivals: boolean;
  /** The Python that has PyTorch; `null`: the section `pytorch` is left out. */
  readonly python: string | null;
  /** A file that `--json` wrote: nothing is measured, its tables are shown. */
  readonly from: string | null;
  /** A folder that the program is bundled into, to run elsewhere; nothing is measured. */
  readonly bundle: string | null;
  /** Whether the tables go to docs/generated, too. */
  readonly write: boolean;
}

export const usage = `npm run bench -- cpu [options]

Measures the machine's own peak, checks every result against float64, and times it, beside other libraries where there are some.

  --only LIST       sections to run, of ${SECTIONS.join(", ")}; default: all, pytorch with --python alone
  --threads LIST    numbers of threads, such as 1,2; default: 1 and as many as the machine has
  --quick           small shapes and few rounds: to see that everything works, not how fast it is
  --no-rivals       leave the other libraries out; nothing is fetched
  --python CMD      the Python that has PyTorch, for the section pytorch
  --json FILE       write all numbers there
  --from FILE       measure nothing: show the tables of a file that --json wrote; with --write to docs/generated
  --bundle DIR      measure nothing: write this program there, for a machine without npm
  --write           write the tables to docs/generated/cpu-*.md; not with --quick
  --help`;

/** An argument that means nothing here. */
export class UsageError extends Error {}

const MAX_THREADS = 256;

/** @returns `null` when help is asked for. @throws UsageError for anything unknown. */
export const parseOptions = (args: readonly string[]): BenchOptions | null => {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  if (positionals.length !== 1 || positionals[0] !== "cpu")
    throw new UsageError(
      `bench: expected "cpu", got ${positionals.length === 0 ? "nothing" : `"${positionals.join(" ")}"`}`,
    );
  if (values.quick && values.write)
    throw new UsageError("bench: --write keeps what a whole run measured; leave out --quick");
  const all = availableParallelism();
  const python = values.python ?? null;
  const only =
    values.only === undefined
      ? SECTIONS.filter((section) => section !== "pytorch" || python !== null)
      : list("--only", values.only).map(sectionName);
  if (only.includes("pytorch") && python === null)
    throw new UsageError("bench: the section pytorch needs a Python that has PyTorch; name it: --python python3");
  return {
    quick: values.quick ?? false,
    json: values.json ?? null,
    threads:
      values.threads === undefined ? (all > 1 ? [1, all] : [1]) : list("--threads", values.threads).map(threadCount),
    only,
    rivals: !(values["no-rivals"] ?? false),
    python,
    from: values.from ?? null,
    bundle: values.bundle ?? null,
    write: values.write ?? false,
  };
};

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: "boolean" },
        json: { type: "string" },
        threads: { type: "string" },
        only: { type: "string" },
        "no-rivals": { type: "boolean" },
        write: { type: "boolean" },
        python: { type: "string" },
        from: { type: "string" },
        bundle: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`bench: ${(error as Error).message}`);
  }
};

const list = (option: string, text: string): string[] => {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) throw new UsageError(`bench: ${option} is a list such as a,b, got "${text}"`);
  return [...new Set(items)];
};

const threadCount = (text: string): number => {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > MAX_THREADS)
    throw new UsageError(`bench: --threads takes whole numbers from 1 to ${MAX_THREADS}, got "${text}"`);
  return count;
};

const sectionName = (text: string): SectionName => {
  const found = SECTIONS.find((name) => name === text);
  if (!found) throw new UsageError(`bench: --only takes ${SECTIONS.join(", ")}, got "${text}"`);
  return found;
};
