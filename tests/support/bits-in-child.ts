/**
 * Hashes of what kernels compute on `cpu`, to be compared between builds of the kernels, each in a process of its own:
 * `bits-in-child.ts THREADS…`. Every sample of every op with its gradients, then products of many shapes: samples are small, and whole tiles are
 * in few of them. Prints one object, and on stderr which build ran.
 */
import { createHash } from "node:crypto";
import { vjp } from "@tessera/autograd";
import { BlockLayout, BlockSparseMatrix, blockSparseLinear } from "@tessera/sparse";
import { families as nnFamilies } from "@tessera/nn/families";
import * as nnComposed from "@tessera/nn/internal/ops/composed";
import { families as sparseFamilies } from "@tessera/sparse/families";
import { cpu, Generator, linear, matmul, randn, scope, setThreads, type Tensor } from "@tessera/tensor";
import { composed, families } from "@tessera/tensor/families";
import { nnSamples, samples, sparseSamples } from "../samples/all.ts";
import { composedSamples } from "../samples/composed.ts";
import { nnComposedSamples } from "../samples/nn-composed.ts";
import { evaluate, seedOf, type AnyFunction, type AnySample } from "./evaluate-sample.ts";

const results: Record<string, string> = {};

const hash = (arrays: readonly (ArrayLike<number> | null)[]): string => {
  const sha = createHash("sha256");
  for (const array of arrays) if (array) sha.update(array as Float32Array);
  return sha.digest("hex").slice(0, 16);
};

const ofSamples = async (family: string, functions: object, table: object): Promise<void> => {
  for (const [name, rows] of Object.entries(table) as [string, readonly AnySample[]][])
    for (const [i, sample] of rows.entries()) {
      if (sample.throws) continue;
      const call = (functions as Record<string, AnyFunction>)[name]!;
      const { outputs, gradients } = await evaluate(call, sample, seedOf(name, i), cpu);
      results[`${family}.${name} #${i}`] = hash([...outputs, ...gradients].map((one) => one && one.values));
    }
};

const ofTensors = (name: string, make: () => readonly Tensor[]): void =>
  scope((): void => {
    results[name] = hash(make().map((x) => x.dataSync()));
  });

/** Rows around a tile's and a block's, columns around one and two panels', depths of one block and of several. */
const products = (): void => {
  const generator = new Generator(7);
  const normals = (...shape: number[]): Tensor => randn(shape, { generator });
  for (const [m, k, n] of [
    ...[4, 5, 6, 7, 12, 13, 96, 100].map((m) => [m, 40, 48] as const),
    ...[1, 8, 9, 15, 16, 17, 24, 31, 33, 64].map((n) => [18, 70, n] as const),
    ...[1, 2, 255, 513, 1100].map((k) => [37, k, 40] as const),
    [200, 300, 1100] as const,
  ])
    ofTensors(`product ${m} x ${k} x ${n}`, () => {
      const { value, pullback } = vjp(
        (x: Tensor, w: Tensor, bias: Tensor) => linear(x, w, bias, { activation: "gelu" }),
        normals(m, k),
        normals(n, k),
        normals(n),
      );
      return [matmul(normals(m, k), normals(k, n)), value, ...pullback(normals(m, n)).map((gradient) => gradient!)];
    });
};

const sparseProducts = (): void => {
  const generator = new Generator(9);
  const normals = (...shape: number[]): Tensor => randn(shape, { generator });
  for (const blockSize of [4, 8, 12, 16, 20, 24, 32, 48, 64])
    for (const tokens of [5, 12, 67, 520])
      for (const cut of [0, 3])
        ofTensors(`blocks of ${blockSize}, ${tokens} tokens, cut by ${cut}`, () => {
          const [outFeatures, inFeatures] = [4 * blockSize - cut, 5 * blockSize - cut];
          const layout = BlockLayout.balanced({ outFeatures, inFeatures, blockSize, density: 0.4, seed: 3 });
          const { shape, blocks, index, values } = BlockSparseMatrix.fromDense(
            normals(outFeatures, inFeatures),
            layout,
          );
          const { value, pullback } = vjp(
            (x: Tensor, values: Tensor, bias: Tensor) =>
              blockSparseLinear(x, { shape, blockSize, blocks, index, values }, bias),
            normals(tokens, inFeatures),
            values,
            normals(outFeatures),
          );
          return [value, ...pullback(normals(tokens, outFeatures)).map((gradient) => gradient!)];
        });
};

const threads = process.argv.slice(2).map(Number);
const all: Record<string, Record<string, string>> = {};
for (const count of threads) {
  setThreads(count);
  while (cpu.threadsJoined < count) {
    scope(() => matmul(randn([200, 200]), randn([200, 200])));
    await new Promise((done) => setTimeout(done, 5));
  }
  for (const [family, functions] of Object.entries({ ...families, ...nnFamilies, ...sparseFamilies }))
    await ofSamples(family, functions, { ...samples, ...nnSamples, ...sparseSamples }[family as keyof typeof samples]);
  await ofSamples("composed", composed, composedSamples);
  await ofSamples("nn composed", nnComposed, nnComposedSamples);
  products();
  sparseProducts();
  all[count] = { ...results };
}
console.error(`build: ${cpu.kernelBuild.build}`);
console.log(JSON.stringify(all));
