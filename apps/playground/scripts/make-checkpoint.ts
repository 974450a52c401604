// `npm run playground:checkpoint [-- --tokens 10000000 --seed 0]`: the checkpoint that the page starts from, into public/checkpoint/roberta.
// It is trained by the recipe of the demo, through the command line, with the same held-out glosses; options are those of
// `tessera pretrain`. An interrupted training goes on at the next call. Weights are stored in half precision.
import { spawn } from "node:child_process";
import { copyFile, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSafetensors, type HostTensor } from "@tessera/tensor";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const out = fileURLToPath(new URL("../public/checkpoint/roberta/", import.meta.url));
const run = join(root, "runs", "playground-checkpoint");
const MAX_BYTES = 4e6;

/** `--from FOLDER` takes a model that `tessera pretrain` saved before; else one is trained. */
const [first, folder, ...others] = process.argv.slice(2);
const source = first === "--from" && folder !== undefined ? folder : run;

const train = (args: readonly string[]): Promise<void> =>
  new Promise((done, failed) => {
    const bin = join(root, "apps", "cli", "bin", "tessera.mjs");
    const words = [bin, "pretrain", "--optimizer", "muon", "--out", run, "--resume", ...args];
    spawn(process.execPath, words, { stdio: "inherit" }).on("exit", (code) =>
      code === 0 ? done() : failed(new Error(`tessera pretrain ended with ${code}`)),
    );
  });

const scratch = new DataView(new ArrayBuffer(4));

/** The bits of the nearest float16, ties to even. Source: IEEE 754-2019, 3.4 and 4.3.1. */
const toHalf = (value: number): number => {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x47800000) throw new RangeError(`${value} is outside the range of float16`);
  // Below 2⁻¹⁴ numbers are multiples of 2⁻²⁴.
  if (magnitude < 0x38800000) return sign | roundToEven(Math.abs(value) * 2 ** 24);
  const rest = magnitude & 0x1fff;
  const half = (magnitude - 0x38000000) >>> 13;
  return sign | (half + Number(rest > 0x1000 || (rest === 0x1000 && (half & 1) === 1)));
};

const roundToEven = (x: number): number => {
  const down = Math.floor(x);
  const rest = x - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
};

/** A safetensors file of float16: an 8-byte length, a JSON header, the data. */
const writeHalf = (tensors: ReadonlyMap<string, HostTensor>): Uint8Array => {
  const header: Record<string, unknown> = { __metadata__: { format: "pt" } };
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, { shape, data }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = Buffer.alloc(2 * data.length);
    for (let i = 0; i < data.length; i++) bytes.writeUInt16LE(toHalf(Number(data[i])), 2 * i);
    header[name] = { dtype: "F16", shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
};

if (source === run) await train(process.argv.slice(2));
else if (others.length > 0) throw new Error(`--from FOLDER takes nothing else, got ${others.join(" ")}`);

await mkdir(out, { recursive: true });
const { tensors } = readSafetensors(await readFile(join(source, "model.safetensors")));
await writeFile(join(out, "model.safetensors"), writeHalf(tensors));
const files = ["config.json", "vocab.json", "merges.txt"];
for (const file of files) await copyFile(join(source, file), join(out, file));

let bytes = 0;
for (const file of ["model.safetensors", ...files]) bytes += (await stat(join(out, file))).size;
process.stdout.write(`public/checkpoint/roberta: ${(bytes / 1e6).toFixed(2)} MB\n`);
if (bytes > MAX_BYTES) throw new Error(`the checkpoint has ${bytes} bytes, at most ${MAX_BYTES}`);
