import { parseArgs } from "node:util";
import { UsageError } from "../options.ts";

/** The questions that are asked of a GPU, by the names that `--only` takes. */
export const GPU_SECTIONS = ["peak", "products", "sparse", "memory", "steps", "endurance", "tensor-cores"] as const;
export type GpuSection = (typeof GPU_SECTIONS)[number];

export interface GpuBenchOptions {
  readonly only: readonly GpuSection[];
  readonly quick: boolean;
  readonly json: string | null;
  /** A file that `--json` wrote: nothing is measured, its tables are shown. */
  readonly from: string | null;
  readonly write: boolean;
  readonly rivals: boolean;
  readonly rivalsFile: string | null;
  readonly python: string | null;
  readonly pytorchFile: string | null;
  /** Toggles of Dawn that Node's `webgpu` package is created with. */
  readonly adapterOptions: readonly string[];
}

export const gpuUsage = `npm run bench -- webgpu [options]

Measures the GPU's own peak, checks every result, and times it, beside PyTorch and other WebGPU libraries where there are some.

  --only LIST           sections to run, of ${GPU_SECTIONS.join(", ")}; default: all
  --quick               small shapes and few rounds: to see that everything works, not how fast it is
  --json FILE           write all numbers and tables there, after each section
  --write               write the tables to docs/generated/webgpu-*.md; not with --quick
  --from FILE           measure nothing: show the tables of a file that --json wrote; with --write to docs/generated
  --no-rivals           leave tfjs and jax-js out; nothing is fetched
  --rivals FILE         a bundle of rivals/webgpu-modules.mjs, for a machine without npm
  --python CMD          the Python that has PyTorch, or "none"; default: python3
  --pytorch FILE        the companion script; default: pytorch.py beside this program
  --adapter-options LIST  toggles of Dawn, such as enable-dawn-features=allow_unsafe_apis; several separated by ;
  --help`;

/** @returns `null` when help is asked for. @throws UsageError for anything unknown. */
export const parseGpuOptions = (args: readonly string[]): GpuBenchOptions | null => {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  // Bundled to a file of its own, the program has no other device.
  if (positionals.some((word) => word !== "webgpu"))
    throw new UsageError(`bench: expected "webgpu", got "${positionals.join(" ")}"`);
  if (values.quick && values.write)
    throw new UsageError("bench: --write keeps what a whole run measured; leave out --quick");
  return {
    only: values.only === undefined ? GPU_SECTIONS : values.only.split(",").map(sectionName),
    quick: values.quick ?? false,
    json: values.json ?? null,
    from: values.from ?? null,
    write: values.write ?? false,
    rivals: !(values["no-rivals"] ?? false),
    rivalsFile: values.rivals ?? null,
    python: values.python === "none" ? null : (values.python ?? "python3"),
    pytorchFile: values.pytorch ?? null,
    adapterOptions: values["adapter-options"]?.split(";") ?? [],
  };
};

/** What is to be typed for the same figures; names of files say nothing elsewhere. */
export const commandOf = ({ only, quick, rivals, adapterOptions }: GpuBenchOptions): string =>
  [
    "npm run bench -- webgpu",
    ...(only.length < GPU_SECTIONS.length ? [`--only ${only.join(",")}`] : []),
    ...(quick ? ["--quick"] : []),
    ...(rivals ? [] : ["--no-rivals"]),
    ...(adapterOptions.length > 0 ? [`--adapter-options "${adapterOptions.join(";")}"`] : []),
  ].join(" ");

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        only: { type: "string" },
        quick: { type: "boolean" },
        json: { type: "string" },
        from: { type: "string" },
        write: { type: "boolean" },
        "no-rivals": { type: "boolean" },
        rivals: { type: "string" },
        python: { type: "string" },
        pytorch: { type: "string" },
        "adapter-options": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`bench: ${(error as Error).message}`);
  }
};

const sectionName = (text: string): GpuSection => {
  const found = GPU_SECTIONS.find((name) => name === text.trim());
  if (!found) throw new UsageError(`bench: --only takes ${GPU_SECTIONS.join(", ")}, got "${text}"`);
  return found;
};
