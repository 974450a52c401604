import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cpu } from "@tessera/tensor";
import { describe, expect, it } from "vitest";

type Hashes = Record<string, Record<string, string>>;

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const major = Number.parseInt(process.versions.node, 10);
const pairs = major >= 24 && major <= 26 && process.arch === "x64";
const cpuInfo = "/proc/cpuinfo";
const hasAvx2 = existsSync(cpuInfo) && /\bavx2\b/.test(readFileSync(cpuInfo, "utf8"));

/** A program of ours in a process of its own: V8's flag is the whole process's, and stays. */
const inChild = async (wanted: string, options: readonly string[], script: readonly string[]) => {
  const { TESSERA_WASM: _, ...env } = process.env;
  return run(
    process.execPath,
    [...options, "--conditions=@tessera/source", "--import", "tsx", ...script],
    // What vitest gives its workers is not theirs.
    { cwd: root, maxBuffer: 1 << 26, env: { ...env, NODE_OPTIONS: "", ...(wanted ? { TESSERA_WASM: wanted } : {}) } },
  );
};

/** Hashes of all results by the number of threads. */
const bitsOf = async (build: string, threads: readonly string[], options: readonly string[] = []): Promise<Hashes> => {
  const { stdout, stderr } = await inChild(build, options, ["tests/support/bits-in-child.ts", ...threads]);
  expect(stderr).toContain(`build: ${build}`);
  return JSON.parse(stdout) as Hashes;
};

/** What `cpu.kernelBuild` is, or the error. */
const choiceIn = async (wanted: string, ...options: string[]): Promise<{ build: string; reason: string }> => {
  const program = `const { cpu, tensor } = await import("@tessera/tensor");
    try { tensor([1]); console.log(JSON.stringify(cpu.kernelBuild)); }
    catch (error) { console.log(JSON.stringify({ build: error.name, reason: error.message })); }`;
  const { stdout, stderr } = await inChild(wanted, options, ["--input-type=module", "--eval", program]);
  // An engine that does not know a flag says so there.
  expect(stderr).toBe("");
  return JSON.parse(stdout) as { build: string; reason: string };
};

describe("the wide build", () => {
  it("gives the bits of the relaxed one, for every op, on one, two and three threads; the base build does not", async () => {
    const relaxed = (await bitsOf("relaxed", ["1"]))["1"]!;
    expect(Object.keys(relaxed).length).toBeGreaterThan(900);
    // V8 pairs in its optimising compiler alone, which few calls of a small sample would reach.
    const wide = await bitsOf("wide", ["1", "2", "3"], pairs ? ["--no-liftoff"] : []);
    for (const threads of ["1", "2", "3"]) expect(wide[threads], `${threads} threads`).toEqual(relaxed);

    const base = (await bitsOf("base", ["1"]))["1"]!;
    const different = Object.keys(base).filter((name) => base[name] !== relaxed[name]);
    expect(different.filter((name) => name.startsWith("product")).length).toBeGreaterThan(10);
    expect(different.filter((name) => name.startsWith("move"))).toEqual([]);
  });
});

describe("the choice of a build", () => {
  it("is wide where the engine pairs and the CPU has AVX2, else relaxed; it says why", async () => {
    const { build, reason } = await choiceIn("");
    if (!pairs)
      expect({ build, reason }).toEqual({
        build: "relaxed",
        reason: "256-bit vectors take Node 24 to 26 on an x64 CPU with AVX2",
      });
    else if (hasAvx2) {
      expect(build).toBe("wide");
      expect(reason).toMatch(/^its tiles run \d+\.\d\d times as fast here$/);
    } else expect(build).toBe("relaxed");
  });

  if (pairs)
    it("is relaxed on an engine that pairs on a CPU without 256-bit vectors, because they were timed", async () => {
      const { build, reason } = await choiceIn("", "--no-enable-avx2");
      expect(build).toBe("relaxed");
      expect(reason).toMatch(
        /^tiles for 256-bit vectors run 0\.\d\d times as fast here: this CPU has no AVX2, or V8 does not use it$/,
      );
    });

  it("is what TESSERA_WASM says", async () => {
    for (const wanted of ["base", "relaxed", "wide"])
      expect(await choiceIn(wanted)).toEqual({ build: wanted, reason: `TESSERA_WASM=${wanted} is in the environment` });
  });

  it("is refused when TESSERA_WASM names no build", async () =>
    expect(await choiceIn("fast")).toEqual({
      build: "DeviceError",
      reason:
        'cpu: TESSERA_WASM in the environment is expected to be one of base, relaxed, wide, got "fast"; correct it, or leave it out',
    }));

  it("holds for this process", () => {
    expect(["base", "relaxed", "wide"]).toContain(cpu.kernelBuild.build);
    expect(cpu.kernelBuild).toBe(cpu.kernelBuild);
  });
});
