import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** bench/rivals, which has its own package.json and lock: nothing of it comes with the repository. */
export const rivalsFolder: string = fileURLToPath(new URL(".", import.meta.url));

interface Manifest {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const manifestAt = (path: string): Manifest => JSON.parse(readFileSync(`${rivalsFolder}${path}`, "utf8")) as Manifest;

/** The rivals and the versions that are asked for. */
export const wantedRivals = (): Readonly<Record<string, string>> => manifestAt("package.json").dependencies ?? {};

/** The version of a rival that is installed; `null` when it is not. */
export const installedVersion = (name: string): string | null => {
  try {
    return manifestAt(`node_modules/${name}/package.json`).version ?? null;
  } catch {
    return null;
  }
};

/** Whether all of them are there, in the versions of the lock. */
export const areInstalled = (): boolean =>
  Object.entries(wantedRivals()).every(([name, version]) => installedVersion(name) === version);
