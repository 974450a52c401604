import { basename, dirname } from "node:path";
import { openFolder } from "@tessera/models";

/** Replaces a file as a whole: a reader finds the old text or the new one, even after a crash. */
export const writeFileAtomic = async (path: string, text: string): Promise<void> => {
  const folder = await openFolder(dirname(path));
  await folder.write(new Map([[basename(path), new TextEncoder().encode(text)]]));
};
