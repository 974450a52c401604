import { copyFile, mkdir } from "node:fs/promises";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { useTemporaryFolder } from "./run-tessera.ts";

const folder = useTemporaryFolder();
const bin = fileURLToPath(new URL("../../apps/cli/bin/tessera.mjs", import.meta.url));

test("the committed bin file says what to run when nothing is built", async () => {
  await mkdir(folder.path("bin"));
  const copy = folder.path("bin", "tessera.mjs");
  await copyFile(bin, copy);
  const { code, err } = await new Promise<{ code: unknown; err: string }>((done) => {
    execFile(process.execPath, [copy, "demo"], (error, _, stderr) => done({ code: error?.code, err: stderr }));
  });
  expect(code).toBe(1);
  expect(err).toBe("tessera: not built yet; run `npm run build` in the project's root first\n");
});
