import { fileURLToPath } from "node:url";

/** Where the files of `tessera new` lie: beside the sources, and beside what is built of them. */
export const templateFolder = (): string => fileURLToPath(new URL("../template/", import.meta.url));
