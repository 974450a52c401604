import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const app = fileURLToPath(new URL("../../apps/playground/", import.meta.url));

/** Builds the page of the sources into a folder of its own, its texts first where they are not there yet. */
export const buildSite = async (): Promise<string> => {
  if (!existsSync(join(app, "public/texts/wordnet.txt.gz")))
    await new Promise<void>((done, failed) => {
      const words = ["--conditions=@tessera/source", "--import", "tsx", join(app, "scripts/make-texts.ts")];
      spawn(process.execPath, words, { stdio: "inherit" }).on("exit", (code) =>
        code === 0 ? done() : failed(new Error(`make-texts ended with ${code}`)),
      );
    });
  const outDir = await mkdtemp(join(tmpdir(), "tessera-playground-"));
  await build({
    root: app,
    configFile: join(app, "vite.config.ts"),
    logLevel: "error",
    build: { outDir, emptyOutDir: true },
  });
  return outDir;
};
