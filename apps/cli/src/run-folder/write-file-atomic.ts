import { basename, dirname } from "node:path";
import { openFolder } from "@tessera/models";

/** Writes a file so that whoever reads it, after a crash too, finds the old text or the new one and never a part. */
export const writeFileAtomic = async (path: string, text: string): Promise<void> => {
  const folder = await openFolder(dirname(path));
  await folder.write(new Map([[basename(path), new TextEncoder().encode(text)]]));
};
