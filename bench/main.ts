// `npm run bench -- NAME`: one program per question. See README.md, and `--help` of each.
import { UsageError } from "./options.ts";

const programs: Readonly<Record<string, () => Promise<unknown>>> = {
  cpu: () => import("./cpu/main.ts"),
  webgpu: () => import("./webgpu/main.ts"),
  versions: () => import("./versions/main.ts"),
  kept: () => import("./kept-bytes.ts"),
  soak: () => import("./soak.ts"),
  size: () => import("./size.ts"),
  tokenizers: () => import("./tokenizers.ts"),
  sweep: () => import("./sweep.ts"),
  pairs: () => import("./pairs.ts"),
};

const args = process.argv.slice(2);
const name = args.find((word) => Object.hasOwn(programs, word));
if (name !== undefined) {
  try {
    await programs[name]!();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
} else {
  const usage = `npm run bench -- ${Object.keys(programs).join(" | ")}   (--help after a name: its options)`;
  if (args.includes("--help")) console.log(usage);
  else {
    console.error(
      `bench: expected a program, got ${args.length === 0 ? "nothing" : `"${args.join(" ")}"`}\n\n${usage}`,
    );
    process.exitCode = 2;
  }
}
