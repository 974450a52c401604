import { valueAndGrad, type Loss } from "@tessera/autograd";
import type { Module } from "@tessera/nn";
import { ArgumentError, cat, scope, Tensor } from "@tessera/tensor";
import { withRecorder } from "@tessera/tensor/extend";
import { judgedLayersOf, type LayerChoice } from "../sparse-layers.ts";
import { CollectedLayer } from "./collected-layer.ts";
import { definitionOf, type CriterionName } from "./criteria.ts";
import type { Statistics } from "./statistics.ts";

export interface CollectOptions<Batch, M extends Module> {
  /** Which layers; all that can be judged, unless given. */
  readonly layers?: LayerChoice;
  /** Of dense layers: the blocks that they will be patched in. 32 unless said otherwise; block-sparse layers have their own. */
  readonly blockSize?: number | undefined;
  /** The loss of a batch; what the model's `forward` gives, unless said otherwise. */
  readonly loss?: ((model: M, batch: Batch) => Loss) | undefined;
  /** When it is raised, nothing more is collected, and its reason is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sums what criteria need to judge the blocks of a model, in one pass over some batches, on whatever device the model is: each batch runs
 * forward once, and backward once where a criterion needs gradients. Gradients of block-sparse layers are those of their stored blocks, so
 * blocks that are not stored get zeros; what is read back is one number for each block or input. The model is in evaluation mode
 * meanwhile, and is not changed. Tensors that the batches make are freed.
 *
 * @param batches as many as shall count; each is given to the model's `forward`
 * @param names of criteria: one, or several in the same pass
 * @throws ArgumentError when there is no batch, no such criterion or layer, or when a sum is not finite.
 * @example
 * const statistics = await collect(model, batches, ["taylor", "fisher"], { blockSize: 16 });
 * patcher.addPattern(/.*dense/, { density: 0.5, blockSize: 16, criterion: "fisher", statistics });
 */
export const collect = async <Batch, M extends Module & { forward(batch: Batch): unknown }>(
  model: M,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  names: CriterionName | readonly CriterionName[],
  options: CollectOptions<Batch, M> = {},
): Promise<Statistics> => {
  const { layers: choice, blockSize = 32, loss = lossOfModel, signal } = options;
  const needed = new Set(
    (typeof names === "string" ? [names] : names).flatMap((name) => definitionOf("collect", name).needs),
  );
  const layers = [...judgedLayersOf("collect", model, choice)].map(
    ([name, layer]) => new CollectedLayer(name, layer, needed, blockSize),
  );
  const statistics = (count: number): Statistics => ({
    batches: count,
    layers: new Map(layers.map((layer) => [layer.name, layer.statistics()])),
  });
  if (needed.size === 0) return statistics(0);
  const weights = new Map(layers.map(({ name, weight }) => [name, weight] as const));
  const frozen = [...weights.values()].filter(({ trainable }) => !trainable);
  const takesGradients = [...needed].some((statistic) => statistic !== "inputSquares");
  const backward = valueAndGrad({ namedParameters: () => weights }, (batch: Batch) => loss(model, batch));
  /** Launches one batch, and sends for its sums. Runs in a scope. */
  const launch = (batch: Batch): Promise<ArrayLike<number>> => {
    const grads = takesGradients ? backward(batch).grads : null;
    if (!grads) withRecorder(null, () => loss(model, batch));
    const sent = cat(layers.flatMap((layer) => layer.send(grads?.get(layer.name) ?? null))).data();
    for (const layer of layers) layer.endBatch();
    return sent;
  };
  const receive = async (sent: Promise<ArrayLike<number>>, batch: number): Promise<void> => {
    const numbers = await sent;
    let at = 0;
    for (const layer of layers) at = layer.receive(numbers, at, batch);
  };
  const { training } = model;
  const unhook = layers.map((layer) => layer.watchInputs());
  const later = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : null;
  const atOnce = later ? null : (batches as Iterable<Batch>)[Symbol.iterator]();
  let count = 0;
  model.eval();
  for (const weight of frozen) weight.trainable = true;
  try {
    // One batch is read while the next is computed.
    let reading: Promise<void> | null = null;
    for (;;) {
      signal?.throwIfAborted();
      const awaited = await later?.next();
      // What a generator makes belongs to the scope of its batch, so it is asked inside.
      const launched = scope(() => {
        const next = awaited ?? atOnce!.next();
        return next.done ? null : { sent: launch(next.value) };
      });
      if (!launched) break;
      const next = receive(launched.sent, ++count);
      // A rejection is thrown when its batch is due; an earlier batch may have failed before that.
      next.catch(() => undefined);
      await reading;
      reading = next;
      // Signals and timers get their turn.
      await new Promise<void>((done) => setTimeout(done));
    }
    await reading;
  } finally {
    for (const remove of unhook) remove();
    for (const weight of frozen) weight.trainable = false;
    for (const layer of layers) layer.endBatch();
    model.train(training);
  }
  if (count === 0)
    throw new ArgumentError("collect: expected at least one batch, got none; was the iterator used up before?");
  return statistics(count);
};

const lossOfModel = <Batch>(model: Module & { forward(batch: Batch): unknown }, batch: Batch): Loss => {
  const output = model.forward(batch) as Tensor | { readonly loss?: Tensor };
  const loss = output instanceof Tensor ? output : output.loss;
  if (!loss)
    throw new ArgumentError(
      "collect: expected a model that gives a loss, got an output without; are there labels in the batch? Else give a loss",
    );
  return loss;
};
