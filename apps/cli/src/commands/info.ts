import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { openFolder } from "@tessera/models";
import { devices, readSafetensors, type HostTensor, type SafetensorsFile } from "@tessera/tensor";
import { decodeUtf8 } from "@tessera/tensor/files";
import { Argument } from "commander";
import { readCheckedJson, shapes } from "../run-folder/read-checked-json.ts";
import { CommandError } from "../terminal/command-error.ts";
import { formatBytes, formatCount } from "../terminal/format.ts";
import { formatTextTable } from "../terminal/format-text-table.ts";
import { WEIGHTS_FILE } from "../training/model-folder.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { CommandDefinition } from "./command-definition.ts";

/** A block-sparse layer, described by its tensors. */
interface LayoutInfo {
  name: string;
  blocks: number;
  blockSize: number;
  rows: number;
}

const INDEX = ".crowIndices";

/** Finds the layouts in a file: the names that have `values` and `crowIndices`. */
const findLayouts = (tensors: ReadonlyMap<string, HostTensor>): LayoutInfo[] =>
  [...tensors].flatMap(([key, { shape }]) => {
    const name = key.slice(0, -INDEX.length);
    const values = key.endsWith(INDEX) ? tensors.get(`${name}.values`) : undefined;
    if (!values) return [];
    return [{ name, blocks: values.shape[0] ?? 0, blockSize: values.shape[1] ?? 0, rows: shape[0]! - 1 }];
  });

const readFile = async (path: string): Promise<{ file: SafetensorsFile; bytes: number }> => {
  const content = await (await openFolder(dirname(path))).read(basename(path));
  return { file: readSafetensors(content), bytes: content.length };
};

const readConfig = async (folder: string): Promise<Record<string, unknown> | undefined> => {
  const store = await openFolder(folder);
  if (!(await store.exists("config.json"))) return undefined;
  const text = decodeUtf8(await store.read("config.json"), join(folder, "config.json"));
  const what = { place: join(folder, "config.json"), what: "a configuration", advice: "copy the file again" };
  return readCheckedJson(shapes.object({}), text, what);
};

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw new CommandError(`info: expected a file or folder, got ${path}, which cannot be read; check the path`, {
      cause,
    });
  }
};

/** What this machine computes with. */
const printDevices = async (terminal: Terminal): Promise<void> => {
  const found = await devices();
  const node = process.versions.node;
  terminal.printResult({ node, devices: found }, [
    terminal.color.bold(`Node ${node}`),
    ...found.map(({ name, available, kernels, adapter }) => {
      const what = kernels
        ? `${kernels.build} kernels: ${kernels.reason}`
        : adapter
          ? adapter.description
          : "available";
      return `${name}: ${available === true ? what : available}`;
    }),
  ]);
};

export const infoCommand: CommandDefinition = {
  name: "info",
  summary:
    "what is in a model's folder or a safetensors file; without a path, which devices there are and what they run",
  writes: "nothing",
  arguments: [new Argument("[path]", "a model's folder, or a .safetensors file")],
  examples: ["info", "info runs/demo/models/sparse", "info runs/demo/training/dense/checkpoint.safetensors"],

  async run({ terminal }, _options, path?: string) {
    if (path === undefined) return printDevices(terminal);
    const folder = await isFolder(path);
    const config = folder ? await readConfig(path) : undefined;
    const { file, bytes } = await readFile(folder ? join(path, WEIGHTS_FILE) : path);
    const tensors = Array.from(file.tensors, ([name, { dtype, shape, data }]) => ({
      name,
      dtype,
      shape,
      count: data.length,
    }));
    const numbers = tensors.reduce((total, { dtype, count }) => total + (dtype === "float32" ? count : 0), 0);
    const layouts = findLayouts(file.tensors);
    const { bold } = terminal.color;
    const section = (title: string, lines: readonly string[]): string[] =>
      lines.length > 0 ? ["", bold(title), ...lines] : [];
    terminal.printResult({ ...(config ? { config } : {}), bytes, numbers, layouts, tensors }, [
      bold(path),
      `${formatCount(tensors.length)} tensors, ${formatCount(numbers)} float32 numbers, ${formatBytes(bytes)}`,
      ...section(
        "configuration",
        Object.entries(config ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`),
      ),
      ...section(
        "block-sparse layers",
        layouts.map(
          ({ name, blocks, blockSize, rows }) =>
            `${name}: ${formatCount(blocks)} blocks of ${blockSize} × ${blockSize} in ${rows} rows`,
        ),
      ),
      ...section(
        "tensors",
        formatTextTable(
          [
            { title: "name", value: ({ name }) => name },
            { title: "dtype", value: ({ dtype }) => dtype },
            { title: "shape", value: ({ shape }) => `[${shape.join(", ")}]` },
          ],
          tensors,
        ),
      ),
    ]);
  },
};
