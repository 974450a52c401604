import { del, get, set } from "idb-keyval";
import type { FileMap } from "../engine/protocol.ts";

const KEY = "run";

/** Whether the browser refused to keep a run, in a private window for one; said once. */
let refused = false;

/** Keeps a run for the next visit, in the browser's own database. A browser that keeps nothing is no error. */
export const keepRun = async (files: FileMap): Promise<void> => {
  if (refused) return;
  try {
    await set(KEY, files);
  } catch {
    refused = true;
  }
};

/** The run of the last visit, if there is one. */
export const keptRun = async (): Promise<FileMap | null> => {
  try {
    return (await get<FileMap>(KEY)) ?? null;
  } catch {
    return null;
  }
};

export const forgetRun = async (): Promise<void> => {
  try {
    await del(KEY);
  } catch {
    // Where nothing is kept there is nothing to forget.
  }
};
