import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { SensitivityRow } from "@tessera/sparse";
import { describeFileError } from "../run-folder/describe-file-error.ts";
import { CommandError } from "../terminal/command-error.ts";
import { RowStore, ROWS_FILE } from "./row-store.ts";

const SHARD = /^shard-(\d+)-of-(\d+)$/;

/** The folders of rows in some folders: themselves, and their shards in order. @throws {CommandError} if one has none */
export const findParts = async (folders: readonly string[]): Promise<string[]> => {
  const parts: string[] = [];
  for (const folder of folders) {
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (cause) {
      throw new CommandError(
        `${folder}: expected a folder of measured rows, got ${describeFileError(cause)}; check the path`,
        { cause },
      );
    }
    const shards = names
      .filter((name) => SHARD.test(name))
      .sort((a, b) => Number(SHARD.exec(a)![1]) - Number(SHARD.exec(b)![1]));
    const own = [...(names.includes(ROWS_FILE) ? [folder] : []), ...shards.map((name) => join(folder, name))];
    if (own.length === 0)
      throw new CommandError(
        `${folder}: expected a folder that sensitivity wrote, got one without ${ROWS_FILE}; check the path`,
      );
    parts.push(...own);
  }
  return parts;
};

/** Numbers of a row that must be equal wherever it was measured: all but times. */
const numbersOf = ({
  forwardMs: _f,
  denseForwardMs: _df,
  stepMs: _s,
  denseStepMs: _ds,
  ...row
}: SensitivityRow): string => JSON.stringify(row);

/**
 * The rows of several folders, each cell once, in turns: the shards of a sweep give the order of the whole.
 *
 * @throws {CommandError} if they are of several models, or a cell has different numbers in two folders
 */
export const mergeRows = async (parts: readonly string[]): Promise<SensitivityRow[]> => {
  const lists = await Promise.all(parts.map(async (part) => (await RowStore.open(part)).rows()));
  const merged = new Map<string, { row: SensitivityRow; part: string }>();
  for (let i = 0; i < Math.max(...lists.map(({ length }) => length)); i++)
    for (const [k, list] of lists.entries()) {
      const row = list[i];
      if (!row) continue;
      const part = parts[k]!;
      const before = merged.get(row.cell);
      const first = [...merged.values()][0];
      if (first && first.row.checkpointHash !== row.checkpointHash)
        throw new CommandError(
          `merge: expected rows of one model, got ${first.row.model} (${first.row.checkpointHash.slice(0, 8)}) in ${first.part} and ${row.model} (${row.checkpointHash.slice(0, 8)}) in ${part}; merge them apart`,
        );
      if (!before || before.row.error !== undefined) merged.set(row.cell, { row, part });
      else if (row.error === undefined && numbersOf(before.row) !== numbersOf(row))
        throw new CommandError(
          `merge: expected equal numbers of ${row.cell}, got others in ${before.part} and ${part}; were they measured by another engine?`,
        );
      else if (before.row.forwardMs === undefined && row.forwardMs !== undefined) merged.set(row.cell, { row, part });
    }
  return [...merged.values()].map(({ row }) => row);
};
