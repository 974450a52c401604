import { createRequire } from "node:module";

interface PackageInfo {
  readonly version: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

/** What `package.json` says. This file is as deep below it as what is built from it. */
export const packageInfo = createRequire(import.meta.url)("../package.json") as PackageInfo;
