import { cpu, devices, matmul, scope, setThreads, type TypedArray } from "@tessera/tensor";
import { afterAll, expect, inject, it, vi } from "vitest";
import { normal } from "../support/generate.ts";
import { withoutLeaks } from "../support/leaks.ts";

afterAll(() => cpu.close());

it("is the page that was asked for", () => {
  expect(globalThis.document).toBeDefined();
  expect(globalThis.crossOriginIsolated).toBe(inject("isolated"));
});

it("has the devices of Node", async () => {
  expect((await devices()).map(({ name, available }) => [name, available])).toEqual([
    ["cpu", true],
    ["reference", true],
    ["webgpu", true],
  ]);
  // The flag that pairs vectors is Node's to set.
  expect((await devices())[0]!.kernels).toEqual({
    build: "relaxed",
    reason: "256-bit vectors take Node 24 to 26 on an x64 CPU with AVX2",
  });
});

const product = (): Promise<TypedArray> =>
  scope(() => ({ read: matmul(normal(160, 96).make(1, cpu), normal(96, 130).make(2, cpu)).data() })).read;

const withThreads = inject("isolated");

if (withThreads)
  it("runs cpu kernels on several threads, with the bits of one", () =>
    withoutLeaks(async () => {
      setThreads(1);
      const alone = await product();
      expect(cpu.threadsJoined).toBe(1);
      setThreads(3);
      // They start in the background, at the first job that is worth it.
      await product();
      await vi.waitFor(() => expect(cpu.threadsJoined).toBe(3), { timeout: 30_000 });
      for (let round = 0; round < 20; round++) expect(await product()).toEqual(alone);
      expect(cpu.threadsJoined).toBe(3);
      setThreads(1);
    }));

if (!withThreads)
  it("runs cpu kernels on one thread where memory cannot be shared, and says why not more", () =>
    withoutLeaks(async () => {
      expect(cpu.threads).toBe(1);
      expect(() => setThreads(2)).toThrow(
        /^setThreads: more than one thread needs memory that can be shared, .*Cross-Origin-Opener-Policy: same-origin/,
      );
      expect((await product()).length).toBe(160 * 130);
      expect(cpu.threadsJoined).toBe(1);
    }));
