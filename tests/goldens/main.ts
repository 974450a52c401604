import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { cpu, openDevice, setDefaultDevice, TesseraError } from "@tessera/tensor";
import { resolveDevice } from "@tessera/tensor/extend";
import { GoldenFolder } from "./folder.ts";
import { checkModel } from "./models.ts";
import { checkOps } from "./ops.ts";
import { checkOptimisers } from "./optim.ts";
import type { CaseResult } from "./result.ts";
import { checkTokenizer, tokenizerFolders } from "./tokenizer.ts";

const USAGE = "usage: npm run goldens -- DIR [--device cpu|reference|webgpu|auto]";

/** The folders with a model and its goldens, which are called `ARCHITECTURE-TASK`, or `ARCHITECTURE-TASK-sparse`. */
const modelFolders = (path: string): string[] =>
  readdirSync(path)
    .filter((name) => existsSync(join(path, name, "config.json")) && existsSync(join(path, name, "golden.safetensors")))
    .sort();

/** Every case of the folder that is there. */
async function* casesOf(path: string): AsyncGenerator<CaseResult> {
  const device = resolveDevice(undefined);
  const folder = new GoldenFolder(pathToFileURL(join(path, "/")));
  const has = (name: string): boolean => existsSync(join(path, name));
  if (has("ops.json")) yield* checkOps(folder, device);
  if (has("optim.json")) yield* checkOptimisers(folder, device);
  for (const name of modelFolders(path)) yield* checkModel(folder.folder(name), device);
  for (const folder of tokenizerFolders(path)) yield* checkTokenizer(folder);
}

const main = async (): Promise<number> => {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { device: { type: "string", default: "cpu" } } });
  const [path] = positionals;
  if (!path || positionals.length > 1 || !existsSync(path)) {
    console.error(path && positionals.length === 1 ? `goldens: ${path} does not exist\n${USAGE}` : USAGE);
    return 2;
  }
  setDefaultDevice(await openDevice(values.device as "auto"));
  let [passed, failed] = [0, 0];
  const missing: string[] = [];
  for await (const result of casesOf(path)) {
    if ("missing" in result) missing.push(result.missing);
    else if (result.failures.length === 0) passed++;
    else {
      failed++;
      console.log(`${result.id} failed`);
      for (const failure of result.failures) console.log(`  ${failure}`);
    }
  }
  if (passed + failed + missing.length === 0) {
    console.error(`goldens: ${path} holds none of ops.json, optim.json, tokenizer, and no ARCHITECTURE-TASK with a config.json and a golden.safetensors`);
    return 2;
  }
  console.log(`${missing.length} missing${missing.length > 0 ? `: ${[...new Set(missing)].join(" ")}` : ""}`);
  console.log(`on ${resolveDevice(undefined).name}`);
  if (resolveDevice(undefined) === cpu) {
    console.log(`${cpu.launches.wasm} kernel launches, ${cpu.launches.reference} of them reference kernels`);
    if (cpu.launches.reference > 0) failed++;
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
};

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof TesseraError ? `goldens: ${error.message}\n${USAGE}` : error);
    process.exitCode = 2;
  },
);
