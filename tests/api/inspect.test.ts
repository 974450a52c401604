// What `console.log` and the REPL show of our objects is what `String` gives.
import { Linear, Sequential } from "@tessera/nn";
import { BlockLayout, BlockSparseLinear, BlockSparseMatrix, BlockSparseModelPatcher } from "@tessera/sparse";
import { memory, Parameter, scope, tensor, zeros } from "@tessera/tensor";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { gpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

/** A model and what comes of patching it. */
const patched = () => {
  const model = new Sequential(new Linear(16, 8), new Linear(8, 4));
  const patcher = new BlockSparseModelPatcher().addPattern("0", { density: 0.5, blockSize: 4 });
  const plan = patcher.plan(model);
  return { model, plan, report: patcher.patchModel(model, plan) };
};

const layout = BlockLayout.balanced({ outFeatures: 8, inFeatures: 16, blockSize: 4, density: 0.5, seed: 1 });

/** What has a text of its own. */
interface Shown {
  toString(): string;
}

const makers: readonly (readonly [what: string, make: () => Shown, shows: RegExp])[] = [
  ["a tensor", () => tensor([1.5, 2]), /^tensor\(\[1\.5000, 2\.0000\]\)$/],
  ["a matrix of them", () => zeros([2, 2]), /^tensor\(\[\[0\., 0\.\],\n {8}\[0\., 0\.\]\]\)$/],
  ["a parameter", () => new Parameter(tensor([1, 2])), /^tensor\(\[1\., 2\.\]\)$/],
  ["a layer", () => new Linear(4, 2), /^Linear\(inFeatures=4, outFeatures=2/],
  ["a sparse layer", () => new BlockSparseLinear(16, 8, { blockSize: 4 }), /^BlockSparseLinear\(inFeatures=16/],
  ["a model", () => new Sequential(new Linear(4, 2), new Linear(2, 1)), /^Sequential\(\n {2}\(0\): Linear\(/],
  ["a layout", () => layout, /^BlockLayout: 2 × 4 blocks of 4 × 4, 4 stored, density 0\.5\n[·▀▄█]{4}$/],
  ["a sparse matrix", () => BlockSparseMatrix.zeros([8, 16], { layout }), /^BlockSparseMatrix\(shape=\[8, 16\]/],
  ["a plan", () => patched().plan, /^layer +out × in/],
  ["a report", () => patched().report, /^layer +out × in/],
];

describe("console.log shows", () => {
  test.each(makers)("%s as String does", (_, make, shows) => {
    scope((): void => {
      const made = make();
      expect(inspect(made)).toBe(String(made));
      expect(inspect(made)).toMatch(shows);
      if ("dispose" in made) (made as { dispose(): void }).dispose();
    });
  });

  test("a tensor within something else, its lines below each other", () => {
    scope((): void => {
      expect(inspect({ x: zeros([2, 2]) })).toBe("{\n  x: tensor([[0., 0.],\n          [0., 0.]])\n}");
      expect(inspect([tensor([1])])).toBe("[ tensor([1.]) ]");
    });
  });

  test(
    "a freed tensor, parameter, layer and matrix, without throwing",
    withoutLeaks.bind(null, () => {
      const x = tensor([1, 2]);
      x.dispose();
      expect(inspect(x)).toBe("tensor(freed, shape=[2], dtype=float32)");
      const p = new Parameter(tensor([1, 2, 3]));
      p.dispose();
      expect(inspect(p)).toBe("tensor(freed, shape=[3], dtype=float32)");
      const fc = new Linear(4, 2);
      fc.dispose();
      expect(inspect(fc)).toBe(String(fc));
      const w = BlockSparseMatrix.zeros([8, 16], { layout });
      w.dispose();
      expect(inspect(w)).toBe(String(w));
    }),
  );

  test.skipIf(!gpu)("shape, dtype and device where values come only later", () => {
    scope((): void => {
      const x = zeros([2, 3], { device: gpu! });
      expect(inspect(x)).toBe('tensor(shape=[2, 3], dtype=float32, device="webgpu")');
      expect(inspect(x)).toBe(String(x));
    });
  });

  test("nothing that makes or keeps a tensor", () => {
    const x = tensor([1, 2]);
    const before = memory()["cpu"]!.tensors;
    inspect(x);
    expect(memory()["cpu"]!.tensors).toBe(before);
    x.dispose();
  });
});

test("every class of the packages with a toString is shown by it", () => {
  const root = fileURLToPath(new URL("../../packages", import.meta.url));
  const silent = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => /^\w+[\\/]src[\\/].*\.ts$/.test(file) && !/\.(test|as)\.ts$/.test(file))
    .filter((file) => {
      const source = readFileSync(`${root}/${file}`, "utf8");
      return /^ {2}toString\(\): string \{/m.test(source) && !source.includes("[inspectCustom]()");
    });
  expect(silent).toEqual([]);
});
