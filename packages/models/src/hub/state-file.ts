import { Module, type LoadReport, type StateDict } from "@tessera/nn";
import { scope, writeSafetensors, type HostTensor, type Tensor } from "@tessera/tensor";
import type { Folder } from "./file-store.ts";
import { openFolder } from "./open-folder.ts";
import { readFile, WEIGHTS } from "./read-weights.ts";

/**
 * Writes the state of a module, or tensors by name, to a safetensors file: what was there is replaced as a whole or not at all.
 *
 * @param folder a path (in Node), or a store of your own
 * @param file default `"model.safetensors"`
 * @throws FileStoreError when the file cannot be written; what was there is still there
 * @example
 * await saveStateDict("runs/mine", model);
 */
export const saveStateDict = async (folder: Folder, from: Module | StateDict, file = WEIGHTS): Promise<void> => {
  const store = await openFolder(folder);
  await store.write(
    new Map([
      [
        file,
        writeSafetensors(await readState(() => (from instanceof Module ? from.stateDict() : from)), { format: "pt" }),
      ],
    ]),
  );
};

/**
 * Reads a file of `saveStateDict` into a module, tensor by tensor.
 *
 * @throws StateDictError that lists every missing, unexpected and misshapen key
 * @throws FormatError or FileStoreError when the file is damaged, missing, or of another kind
 * @example
 * await loadStateDict("runs/mine", model);
 */
export const loadStateDict = async (
  folder: Folder,
  into: Module,
  { file = WEIGHTS, strict = true }: { file?: string | undefined; strict?: boolean | undefined } = {},
): Promise<LoadReport> => {
  const stored = await readFile(await openFolder(folder), file);
  const state = new Map<string, HostTensor>();
  for (const [name, tensor] of stored) state.set(name, await tensor.load());
  return into.loadStateDict(state, { strict });
};

/** The values as they are now: a tensor may be freed before they come. */
export const readState = async (make: () => StateDict): Promise<Map<string, HostTensor>> => {
  const reads = scope(() => [...make()].map(([name, x]) => read(name, x)));
  return new Map(await Promise.all(reads));
};

const read = async (name: string, x: Tensor): Promise<[string, HostTensor]> => {
  const { shape, dtype } = x;
  return [name, { shape, dtype, data: await x.data() }];
};
