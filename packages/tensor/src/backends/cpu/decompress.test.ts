import { describe, expect, it } from "vitest";
import { compress } from "../../../bin/compress.mjs";
import { wasm } from "../../generated/kernels.ts";
import { decompress } from "./decompress.ts";
import { fusesMultiplyAdd } from "./wasm-build.ts";

const numbersFrom = (seed: number): ((n: number) => number) => {
  let state = seed;
  return (n) => (state = (state * 48271) % 2147483647) % n;
};

/** Bytes that repeat, as code does. */
const bytesOf = (length: number, seed: number): Uint8Array => {
  const next = numbersFrom(seed);
  const words = Array.from({ length: 20 }, () => Array.from({ length: 1 + next(12) }, () => next(256)));
  const bytes: number[] = [];
  while (bytes.length < length) bytes.push(...words[next(20)]!);
  return Uint8Array.from(bytes.slice(0, length));
};
const noise = (length: number, seed: number): Uint8Array => {
  const next = numbersFrom(seed);
  return Uint8Array.from({ length }, () => next(256));
};

describe("compressed bytes", () => {
  const from = bytesOf(4000, 3);

  it("come back, whatever they are", () => {
    for (const bytes of [
      new Uint8Array(0),
      Uint8Array.of(0),
      Uint8Array.of(255, 255, 255),
      Uint8Array.from({ length: 256 }, (_, i) => i),
      new Uint8Array(70_000),
      new Uint8Array(5000).fill(255),
      noise(20_000, 11),
      bytesOf(50_000, 7),
    ]) {
      expect(decompress(compress(bytes))).toEqual(bytes);
      expect(decompress(compress(bytes, from), from)).toEqual(bytes);
    }
  });

  it("come back from those that they resemble", () => {
    for (const to of [
      from,
      from.map((byte, i) => (i % 97 === 0 ? byte ^ 255 : byte)),
      from.slice(1000),
      Uint8Array.of(...from.slice(2000), ...from.slice(0, 2500)),
      Uint8Array.of(1, 2, 3, ...from, 4, 5),
    ])
      expect(decompress(compress(to, from), from)).toEqual(to);
  });

  it("are few where little differs, and hardly more than noise", () => {
    const to = from.map((byte, i) => (i === 2000 ? byte ^ 255 : byte));
    expect(compress(to, from).length).toBeLessThan(24);
    expect(compress(noise(20_000, 11)).length).toBeLessThan(21_000);
  });

  it("keep carries that run through many bytes", () => {
    // Many short inputs: ends and carries of every kind.
    const next = numbersFrom(5);
    for (let i = 0; i < 300; i++) {
      const bytes = next(2) === 0 ? noise(next(60), i + 1) : new Uint8Array(next(60)).fill(next(2) * 255);
      expect(decompress(compress(bytes))).toEqual(bytes);
    }
  });
});

describe("the builds of a module", () => {
  it("are three valid modules with the same exports", () => {
    const exportsOf = (build: "base" | "relaxed" | "wide"): string[] =>
      WebAssembly.Module.exports(new WebAssembly.Module(wasm.bytes(build))).map(({ name }) => name);
    // Asking lets Node 20 compile the others.
    expect(fusesMultiplyAdd()).toBe(true);
    expect(exportsOf("base")).toContain("pool_start");
    for (const build of ["relaxed", "wide"] as const) expect(exportsOf(build)).toEqual(exportsOf("base"));
  });
});
