import { BlockSparseLinear, sumOverBlocks, type BlockLayout } from "@tessera/sparse";
import { Linear, type Module } from "@tessera/nn";
import type { Optimizer } from "@tessera/nn";
import type { Tensor } from "@tessera/tensor";
import type { LayerBlocks } from "./protocol.ts";

/** Layers whose blocks are drawn: all linear ones that share their weight with nothing. */
export const drawnLayers = (model: Module): [name: string, layer: Linear | BlockSparseLinear][] => {
  const tied = new Set([...model.aliases()].flatMap(([first, others]) => [first, ...others]));
  return [...model.namedModules()].flatMap(([name, module]) =>
    (module instanceof Linear && !tied.has(`${name}.weight`)) || module instanceof BlockSparseLinear
      ? [[name, module] as [string, Linear | BlockSparseLinear]]
      : [],
  );
};

/** The optimiser's first memory of a parameter that is shaped like it: a running mean of its gradient. */
const momentOf = (tensors: ReadonlyMap<string, Tensor>, parameter: string): Tensor | undefined => {
  const own = [...tensors].filter(([name]) => name.startsWith(`${parameter}.`) && !name.endsWith(".step"));
  return (own.find(([name]) => !/sq$/i.test(name)) ?? own[0])?.[1];
};

const square = (values: ArrayLike<number>) => (at: number) => values[at]! ** 2;

/** Norms of the blocks of a dense `[out, in]` matrix. */
const denseNorms = (values: ArrayLike<number>, outFeatures: number, inFeatures: number, blockSize: number) =>
  Float32Array.from(sumOverBlocks({ outFeatures, inFeatures, blockSize }, square(values)), Math.sqrt);

/** Norms of stored blocks, in their places of the grid. */
const storedNorms = (values: ArrayLike<number>, layout: BlockLayout): Float32Array<ArrayBuffer> => {
  const norms = new Float32Array(layout.rows * layout.cols);
  const size = layout.blockSize ** 2;
  layout.forEachBlock((row, col, block) => {
    let sum = 0;
    for (let at = block * size; at < (block + 1) * size; at++) sum += values[at]! ** 2;
    norms[row * layout.cols + col] = Math.sqrt(sum);
  });
  return norms;
};

/** Remembers since when each block is there, and reads what the mosaics show. */
export class BlockHistory {
  private readonly layers = new Map<string, { mask: Uint8Array; born: Int32Array; blockSize: number }>();

  /** What is drawn of every layer; on a GPU the numbers arrive later. */
  async read(model: Module, optimizer: Optimizer, step: number, blockSize: number): Promise<LayerBlocks[]> {
    const { tensors } = optimizer.stateDict();
    return Promise.all(
      drawnLayers(model).map(async ([name, layer]) => {
        const sparse = layer instanceof BlockSparseLinear;
        const moment = momentOf(tensors, `${name}.${sparse ? "values" : "weight"}`);
        const [outFeatures, inFeatures] = [layer.outFeatures, layer.inFeatures];
        const layout = sparse ? layer.layout : null;
        const own = layout?.blockSize ?? blockSize;
        const rows = Math.ceil(outFeatures / own);
        const cols = Math.ceil(inFeatures / own);
        const mask = layout ? (layout.mask() as Uint8Array<ArrayBuffer>) : new Uint8Array(rows * cols).fill(1);
        const normsOf = async (of: Tensor | undefined): Promise<Float32Array<ArrayBuffer>> => {
          if (!of) return new Float32Array(rows * cols);
          const values = await of.data();
          return layout ? storedNorms(values, layout) : denseNorms(values, outFeatures, inFeatures, own);
        };
        const parameter = layer instanceof BlockSparseLinear ? layer.values : layer.weight;
        const [norms, gradients] = await Promise.all([normsOf(parameter), normsOf(moment)]);
        const born = this.bornOf(name, mask, own, step);
        return {
          name,
          shape: [outFeatures, inFeatures] as const,
          rows,
          cols,
          blockSize: own,
          sparse,
          mask,
          norms,
          gradients,
          born: born.slice(),
        };
      }),
    );
  }

  /** Forgets everything: another model, or one from before. */
  clear(): void {
    this.layers.clear();
  }

  private bornOf(name: string, mask: Uint8Array, blockSize: number, step: number): Int32Array<ArrayBuffer> {
    const known = this.layers.get(name);
    let born = new Int32Array(mask.length).fill(-1);
    if (known && known.blockSize === blockSize) {
      born = Int32Array.from(known.born);
      for (let at = 0; at < mask.length; at++) if (mask[at] && !known.mask[at]) born[at] = step;
    }
    this.layers.set(name, { mask: mask.slice(), born, blockSize });
    return born;
  }
}
