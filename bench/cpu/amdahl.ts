import type { Linear } from "@tessera/nn";
import { cpu, linear, scope, tensor, type Activation, type Tensor } from "@tessera/tensor";
import { withRecorder, type Buffer } from "@tessera/tensor/extend";
import { costOf, logLaunches, type LoggedLaunch } from "@tessera/models/profiling";
import { normals } from "../random-data.ts";
import { median, race, type Pace } from "../timing.ts";
import { patchedLayers, type RobertaTraining } from "./tiny-roberta.ts";

const STEPS = 9;

/**
 * The part of a dense step that each layer to be patched takes: its three products, and its weight's part of the optimiser.
 * With densities d, Amdahl's law allows a speed-up of 1 / (1 − Σ part · (1 − d)).
 */
export const patchedParts = async (
  training: RobertaTraining,
  tokens: number,
  pace: Pace,
): Promise<ReadonlyMap<string, number>> => {
  const layers = new Map(
    patchedLayers(training.model).map((name) => [name, training.model.getSubmodule(name) as Linear]),
  );
  const inProducts = new Map<string, number>();
  for (const [name, layer] of layers)
    inProducts.set(name, layer.activation ? await productPart(layer, layer.activation, tokens, pace) : 1);
  for (let i = 0; i < 2; i++) training.step();
  const parts = new Map<string, number[]>([...layers.keys()].map((name) => [name, []]));
  const parameters = training.model.numParameters();
  for (let i = 0; i < STEPS; i++) {
    const step = logStep(training);
    const optimiser = step.launches.filter(({ launch }) => costOf(launch).family === "optimiser");
    for (const [name, layer] of layers) {
      const own = new Set([layer.weight.storage.buffer, step.gradients.get(`${name}.weight`)]);
      let total = (seconds(optimiser) * layer.weight.numel()) / parameters;
      for (const one of step.launches) {
        const { inputs, outputs } = one.launch;
        if (
          costOf(one.launch).family !== "dense products" ||
          ![...inputs, ...outputs].some((buffer) => buffer && own.has(buffer))
        )
          continue;
        // Forward, the activation is in the same pass, and stays as it is.
        total += one.seconds * (/linear/i.test(one.launch.op.name) ? inProducts.get(name)! : 1);
      }
      parts.get(name)!.push(total / step.seconds);
    }
  }
  return new Map([...parts].map(([name, each]) => [name, median(each)]));
};

interface LoggedStep {
  readonly launches: readonly LoggedLaunch[];
  readonly seconds: number;
  /** Where each gradient was. */
  readonly gradients: ReadonlyMap<string, Buffer>;
}

const logStep = (training: RobertaTraining): LoggedStep => {
  const {
    value,
    launches,
    seconds: total,
  } = logLaunches(cpu, () => {
    const buffers = new Map<string, Buffer>();
    scope((): void => {
      const { grads } = training.gradients();
      for (const [name, gradient] of grads) buffers.set(name, gradient.storage.buffer);
      training.update(grads);
    });
    return buffers;
  });
  return { launches, seconds: total, gradients: value };
};

const seconds = (launches: readonly LoggedLaunch[]): number => launches.reduce((total, one) => total + one.seconds, 0);

/** Of a layer's forward with its activation, as a tape sees it, the part that is the product. */
const productPart = async (
  { weight, bias, inFeatures }: Linear,
  activation: Activation,
  tokens: number,
  pace: Pace,
): Promise<number> => {
  const x = tensor(normals(tokens * inFeatures, 1), [tokens, inFeatures]);
  const taped = (fn: () => Tensor) => () =>
    withRecorder({ wants: () => true, record: () => {} }, () => scope((): void => void fn()));
  const { product, whole } = await race(
    [
      { name: "product", run: taped(() => linear(x, weight, bias)) },
      { name: "whole", run: taped(() => linear(x, weight, bias, { activation })) },
    ],
    { ...pace, seconds: pace.seconds / 4 },
  );
  x.dispose();
  return Math.min(1, product.best / whole.best);
};
