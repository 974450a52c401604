// A teacher in the Trainer: the loss that it makes, and that nothing else depends on it.
import {
  MemoryFolder,
  RobertaForMaskedLM,
  Trainer,
  type BatchSource,
  type MaskedLMInputs,
  type Teacher,
  type TrainerOptions,
  type TrainingProgress,
} from "@tessera/models";
import { distillationLoss, Linear, Module, SGD } from "@tessera/nn";
import {
  add,
  full,
  Generator,
  manualSeed,
  mul,
  ne,
  scope,
  tensor,
  type Tensor,
  type TypedArray,
} from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";
import { disposeTraining, STEPS, tinyBatches, tinyConfig, tinyTraining, type TinyTraining } from "./tiny-model.ts";

const weightsOf = async ({ model }: { model: Module }): Promise<Map<string, TypedArray>> =>
  new Map(await Promise.all([...model.namedParameters()].map(async ([name, x]) => [name, await x.data()] as const)));

const plain = { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
const teacherModel = (): RobertaForMaskedLM =>
  new RobertaForMaskedLM(tinyConfig({ numHiddenLayers: 4 }), { generator: new Generator(99) });

const train = async (training: TinyTraining, options: Partial<TrainerOptions<MaskedLMInputs>>): Promise<number> => {
  manualSeed(21);
  const seen: number[] = [];
  const onProgress = ({ loss }: TrainingProgress): void => void seen.push(loss);
  await new Trainer({ ...training, steps: STEPS, loggingSteps: 1, onProgress, ...options }).train();
  return seen[0]!;
};

describe("a teacher", () => {
  it.each([
    { weight: 0.25, temperature: 3 },
    { weight: 1, temperature: 2, hidden: 0.5 },
  ])("makes the loss (1 − w) · hard + w · soft, of %j", (options) =>
    withoutLeaks(async () => {
      const [training, model] = [tinyTraining(STEPS, tinyConfig(plain)), teacherModel()];
      const { value } = scope(() => {
        const { inputs } = tinyBatches().next();
        const asked = { ...inputs, returnLogits: "positions", outputHiddenStates: true } as const;
        const [student, taught] = [training.model.eval().forward(asked), model.eval().forward(asked)];
        // A label of −100 fills up the list of positions.
        const mask = ne(inputs.labels!, full([], -100, { dtype: "int32" }));
        const soft = distillationLoss(student, taught, { ...options, mask });
        return { value: add(mul(student.loss!, 1 - options.weight), mul(soft, options.weight)).itemSync() };
      });
      model.train();
      const first = await train(training, { steps: 1, teacher: { model, ...options } });
      expect(first).toBeCloseTo(value, 4);
      disposeTraining(training);
      model.dispose();
    }),
  );

  it("draws nothing, learns nothing, and with weight 0 changes no bit", () =>
    withoutLeaks(async () => {
      const [alone, taught, other] = [tinyTraining(STEPS), tinyTraining(STEPS), tinyTraining(STEPS)];
      const model = teacherModel();
      const before = await weightsOf({ model });
      await train(alone, {});
      await train(taught, { teacher: { model, weight: 0 } });
      await train(other, { teacher: { model, weight: 0.5 } });
      expect(await weightsOf(taught)).toEqual(await weightsOf(alone));
      expect(await weightsOf(other)).not.toEqual(await weightsOf(alone));
      expect(await weightsOf({ model })).toEqual(before);
      for (const each of [alone, taught, other]) disposeTraining(each);
      model.dispose();
    }));

  it("is part of a training that is resumed bit for bit", () =>
    withoutLeaks(async () => {
      const [whole, before, after] = [tinyTraining(STEPS), tinyTraining(STEPS), tinyTraining(STEPS)];
      const teacher: Teacher<MaskedLMInputs> = { model: teacherModel(), hidden: 1 };
      await train(whole, { teacher });
      const folder = new MemoryFolder();
      const controller = new AbortController();
      manualSeed(21);
      const onProgress = ({ step }: TrainingProgress): void => void (step === 13 && controller.abort());
      await new Trainer({ ...before, steps: STEPS, loggingSteps: 1, folder, teacher, onProgress }).train({
        signal: controller.signal,
      });
      await new Trainer({ ...after, steps: STEPS, folder, teacher }).train({ resume: true });
      expect(await weightsOf(after)).toEqual(await weightsOf(whole));
      for (const each of [whole, before, after]) disposeTraining(each);
      teacher.model.dispose();
    }));

  it("of a module of one's own, given a tensor, teaches without labels", () =>
    withoutLeaks(async () => {
      class Classifier extends Module {
        readonly out: Linear;
        constructor(seed: number) {
          super();
          this.out = new Linear(4, 3, { generator: new Generator(seed) });
        }
        forward(x: Tensor): { logits: Tensor } {
          return { logits: this.out.forward(x) };
        }
      }
      const [model, teacher] = [new Classifier(1), new Classifier(2)];
      const optimizer = new SGD(model.namedParameters(), { lr: 0.5 });
      const x = [1, 0, 2, -1, 0, 1, -1, 3, 2, 2, 0, 1];
      const batches: BatchSource<Tensor> = {
        next: () => ({ inputs: tensor(x, [3, 4]), tokens: 3 }),
        state: null,
        load: () => undefined,
      };
      const seen: number[] = [];
      const options = { model: model as Classifier & { forward(x: Tensor): { loss?: Tensor } }, optimizer, batches };
      const onProgress = ({ loss }: TrainingProgress): void => void seen.push(loss);
      await new Trainer({ ...options, steps: 200, onProgress, teacher: { model: teacher, weight: 1 } }).train();
      expect(seen.at(-1)!).toBeLessThan(seen[0]! / 100);
      const labelled = new Trainer({ ...options, steps: 1, teacher: { model: teacher } }).train();
      await expect(labelled).rejects.toThrow("Trainer: expected a model that gives a loss, got an output without");
      for (const owner of [optimizer, model, teacher]) owner.dispose();
    }));

  it("is refused with options outside their domain", () => {
    const [training, model] = [tinyTraining(STEPS), teacherModel()];
    for (const [options, message] of [
      [{ weight: 2 }, "Trainer: expected teacher.weight to be from 0 to 1, got 2"],
      [{ temperature: 0 }, "Trainer: expected teacher.temperature to be above 0, got 0"],
      [{ hidden: -1 }, "Trainer: expected teacher.hidden to be 0 or more, got -1"],
    ] as const)
      expect(() => new Trainer({ ...training, steps: 1, teacher: { model, ...options } })).toThrow(message);
    disposeTraining(training);
    model.dispose();
  });
});
