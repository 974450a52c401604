import type { Linear } from "@tessera/nn";
import {
  add,
  ArgumentError,
  keep,
  mul,
  pad,
  reshape,
  scope,
  square,
  sum,
  Tensor,
  type Parameter,
} from "@tessera/tensor";
import { withRecorder } from "@tessera/tensor/extend";
import { blockGrid } from "../block-layout.ts";
import { BlockSparseLinear } from "../block-sparse-linear.ts";
import type { LayerStatistics, StatisticName } from "./statistics.ts";

/** Where sums of one layer are taken and added up: on the device for one batch, in float64 on the host for all. */
export class CollectedLayer {
  readonly name: string;
  readonly weight: Parameter;
  private readonly layer: Linear | BlockSparseLinear;
  private readonly blockSize: number;
  private readonly rows: number;
  private readonly cols: number;
  private readonly needs: ReadonlySet<StatisticName>;
  private readonly sums = new Map<StatisticName, Float64Array>();
  /** Of the batch that runs, over all calls of the layer. Shape: `[in]`. */
  private inputSquares: Tensor | null = null;

  constructor(name: string, layer: Linear | BlockSparseLinear, needs: ReadonlySet<StatisticName>, blockSize: number) {
    this.name = name;
    this.layer = layer;
    this.needs = needs;
    this.weight = layer instanceof BlockSparseLinear ? layer.values : layer.weight;
    this.blockSize = layer instanceof BlockSparseLinear ? layer.blockSize : blockSize;
    ({ rows: this.rows, cols: this.cols } = blockGrid(
      "collect",
      [layer.outFeatures, layer.inFeatures],
      this.blockSize,
    ));
    for (const need of needs)
      this.sums.set(need, new Float64Array(need === "inputSquares" ? layer.inFeatures : this.rows * this.cols));
  }

  /** Has the layer's inputs squared and summed at each call, until the returned function is called. */
  watchInputs(): () => void {
    if (!this.needs.has("inputSquares")) return () => undefined;
    return this.layer.registerForwardPreHook((_, [x]) => {
      if (!(x instanceof Tensor)) return;
      const squares = withRecorder(null, () =>
        scope(() => {
          const own = sum(square(reshape(x, [-1, this.layer.inFeatures])), { dim: 0 });
          return this.inputSquares ? add(this.inputSquares, own) : own;
        }),
      );
      this.inputSquares?.dispose();
      this.inputSquares = keep(squares);
    });
  }

  /** What is sent of a batch, each as a vector; the gradient is that of the layer's weight. */
  send(gradient: Tensor | null): Tensor[] {
    const sent: Tensor[] = [];
    if (gradient) {
      const product = mul(gradient, this.weight);
      if (this.needs.has("gradientTimesWeight") || this.needs.has("absGradientTimesWeight"))
        sent.push(this.sumOverBlocks(product));
      if (this.needs.has("squaredGradientTimesWeight")) sent.push(this.sumOverBlocks(square(product)));
    }
    if (this.needs.has("inputSquares"))
      sent.push(
        this.inputSquares ??
          Tensor.fromHost(
            new Float32Array(this.layer.inFeatures),
            [this.layer.inFeatures],
            "float32",
            this.weight.device,
          ),
      );
    return sent;
  }

  /** Adds what was sent, from a place in all that came, and says where the next layer's begins. */
  receive(numbers: ArrayLike<number>, from: number, batch: number): number {
    let at = from;
    const takeBlocks = (): Float64Array => {
      const values = new Float64Array(this.rows * this.cols);
      const take = (place: number): void => {
        values[place] = numbers[at++]!;
      };
      if (this.layer instanceof BlockSparseLinear)
        this.layer.layout.forEachBlock((row, col) => take(row * this.cols + col));
      else for (let place = 0; place < values.length; place++) take(place);
      return values;
    };
    if (this.needs.has("gradientTimesWeight") || this.needs.has("absGradientTimesWeight")) {
      const values = takeBlocks();
      this.add("gradientTimesWeight", values, batch);
      this.add("absGradientTimesWeight", values.map(Math.abs), batch);
    }
    if (this.needs.has("squaredGradientTimesWeight")) this.add("squaredGradientTimesWeight", takeBlocks(), batch);
    if (this.needs.has("inputSquares")) {
      const { inFeatures } = this.layer;
      this.add(
        "inputSquares",
        Float64Array.from({ length: inFeatures }, (_, i) => numbers[at + i]!),
        batch,
      );
      at += inFeatures;
    }
    return at;
  }

  statistics(): LayerStatistics {
    const { outFeatures, inFeatures } = this.layer;
    return { shape: [outFeatures, inFeatures], blockSize: this.blockSize, sums: Object.fromEntries(this.sums) };
  }

  /** Forgets what a batch left on the device. */
  endBatch(): void {
    this.inputSquares?.dispose();
    this.inputSquares = null;
  }

  private add(statistic: StatisticName, values: Float64Array, batch: number): void {
    const sums = this.sums.get(statistic);
    if (!sums) return;
    for (const [i, value] of values.entries()) {
      if (!Number.isFinite(value))
        throw new ArgumentError(
          `collect: expected finite sums, ${statistic} of "${this.name}" became ${value} in batch ${batch}; are the weights and the loss finite?`,
        );
      sums[i]! += value;
    }
  }

  /** Σ over each block, of a dense weight's shape or of stored blocks. Shape: one number for each. */
  private sumOverBlocks(x: Tensor): Tensor {
    if (this.layer instanceof BlockSparseLinear) return sum(x, { dim: [1, 2] });
    const { rows, cols, blockSize: b } = this;
    const { outFeatures, inFeatures } = this.layer;
    const [below, beside] = [rows * b - outFeatures, cols * b - inFeatures];
    const whole = below + beside > 0 ? pad(x, [0, beside, 0, below]) : x;
    return reshape(sum(reshape(whole, [rows, b, cols, b]), { dim: [1, 3] }), [rows * cols]);
  }
}
