import type { ModelSizes } from "./model-sizes.ts";

/** A product [m, k] · [k, n]; which operand lies transposed in memory: NT is a layer's forward, TN its weight gradient. */
export interface ProductJob {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly layout: "NN" | "NT" | "TN";
}

/** What tables and PyTorch call a product. */
export const productKey = ({ m, k, n, layout }: ProductJob): string => `${m}×${k}×${n} ${layout}`;

/** An op that memory bounds; the numbers are its sizes, whose meaning pytorch.py knows by the name. */
export interface MemoryJob {
  readonly key: string;
  readonly sizes: readonly number[];
  /** Of many tensors. */
  readonly shapes?: readonly (readonly number[])[];
}

/** A forward y = x Wᵀ with a weight in block-sparse rows, of the same layout as ours. */
export interface BsrJob {
  readonly key: string;
  readonly tokens: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly blockSize: number;
  readonly crowIndices: readonly number[];
  readonly colIndices: readonly number[];
}

/** What tables and PyTorch call a forward with a block-sparse weight. */
export const bsrKey = (job: Pick<BsrJob, "tokens" | "inputs" | "outputs" | "blockSize">, blocks: number): string =>
  `${job.tokens}×${job.inputs}×${job.outputs}, ${blocks} blocks of ${job.blockSize}`;

/** What pytorch.py is asked for, as JSON on its standard input. */
export interface PytorchJob {
  readonly rounds: number;
  readonly roundSeconds: number;
  readonly warmSeconds: number;
  readonly peak: boolean;
  readonly products: readonly (ProductJob & { readonly key: string })[];
  readonly bsr: readonly BsrJob[];
  readonly memory: readonly MemoryJob[];
  readonly steps: readonly ModelSizes[];
}
