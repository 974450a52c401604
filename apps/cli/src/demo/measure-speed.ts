import { valueAndGrad } from "@tessera/autograd";
import { ClassificationCollator, type EncodedExample } from "@tessera/models/data";
import type { RobertaForSequenceClassification } from "@tessera/models/roberta";
import { classificationInputs } from "@tessera/models/training";
import { AdamW, clipGradNorm } from "@tessera/nn";
import { dispose, keep, scope } from "@tessera/tensor";
import type { SpeedResult } from "./demo-phases.ts";

const TIMED_ROUNDS = 9;
/** Rounds before the first timed one, in which the engine compiles its hot code. */
const WARM_UP_ROUNDS = 2;

const findMedian = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * Times a training step and a forward pass of some models on the same batch. The models take turns, so that a change in the
 * machine's speed affects all of them. It trains the models: pass copies.
 */
export const measureSpeed = async <Name extends string>(
  models: Readonly<Record<Name, RobertaForSequenceClassification>>,
  examples: readonly EncodedExample[],
): Promise<Record<Name, SpeedResult> & { batch: number; length: number }> => {
  const names = Object.keys(models) as Name[];
  const { padTokenId } = models[names[0]!].config;
  const batch = new ClassificationCollator({ padTokenId }).collate(examples);
  const inputs = scope(() => keep(classificationInputs(batch)));
  const contenders = names.map((name) => {
    const model = models[name].train();
    const optimizer = new AdamW(model.namedParameters(), { lr: 1e-6 });
    const lossAndGrads = valueAndGrad(model, () => model.forward(inputs).loss!);
    const step = (): Promise<number> =>
      scope(() => {
        const { value, grads } = lossAndGrads();
        clipGradNorm(grads, 1);
        optimizer.step(grads);
        return { read: value.item() };
      }).read;
    const forward = (): Promise<number> => scope(() => ({ read: model.forward(inputs).loss!.item() })).read;
    return { name, optimizer, step, forward, steps: [] as number[], forwards: [] as number[] };
  });
  const time = async (work: () => Promise<number>): Promise<number> => {
    const begun = performance.now();
    await work();
    return (performance.now() - begun) / 1000;
  };
  try {
    for (let round = -WARM_UP_ROUNDS; round < TIMED_ROUNDS; round++) {
      for (const { step, forward, steps, forwards } of contenders) {
        const [stepSeconds, forwardSeconds] = [await time(step), await time(forward)];
        if (round < 0) continue;
        steps.push(stepSeconds);
        forwards.push(forwardSeconds);
      }
    }
  } finally {
    for (const { optimizer } of contenders) optimizer.dispose();
    dispose(inputs);
  }
  const results = Object.fromEntries(
    contenders.map(({ name, steps, forwards }) => [
      name,
      { stepSeconds: findMedian(steps), forwardSeconds: findMedian(forwards) },
    ]),
  ) as Record<Name, SpeedResult>;
  const [texts, length] = batch.shape;
  return { ...results, batch: texts, length };
};
