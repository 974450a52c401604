// An architecture outside of the package: a configuration as a table, and a model with four names.
import {
  describeConfig,
  MemoryFolder,
  PreTrainedModel,
  storedAs,
  wholeNumber,
  type SequenceClassificationInputs,
} from "@tessera/models";
import { Embedding, Linear } from "@tessera/nn";
import { Generator, mean, type Tensor } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { withoutLeaks } from "../support/leaks.ts";

describe("an architecture of one's own", () => {
  class BagConfig extends describeConfig({
    name: "BagConfig",
    architecture: "the bag of words",
    modelTypes: ["bag"],
    options: {
      /** Rows of the embedding. */
      vocabSize: wholeNumber(1, 16),
      size: storedAs("dim", wholeNumber(1, 8)),
    },
    unsupported: { is_decoder: (value) => value === false },
    supported: "bags",
    check: ({ size, vocabSize }, refuse) => {
      if (size > vocabSize) refuse("size", `at most vocabSize (${vocabSize})`, size);
    },
  }) {}

  class BagClassifier extends PreTrainedModel<BagConfig> {
    static override readonly architecture: string = "BagClassifier";
    static override readonly configClass = BagConfig;
    static override readonly baseModelPrefix: string = "bag";
    static override readonly heads: readonly string[] = ["classifier", "lm_head"];

    readonly bag: Embedding;
    readonly classifier: Linear;

    constructor(config: BagConfig) {
      super(config);
      const generator = new Generator(1);
      this.bag = new Embedding(config.vocabSize, config.size, { generator });
      this.classifier = new Linear(config.size, config.numLabels, { generator });
    }

    forward({ inputIds }: SequenceClassificationInputs): { logits: Tensor } {
      return { logits: this.classifier.forward(mean(this.bag.forward(inputIds), { dim: 1 })) };
    }
  }

  it("has a config.json under its own names, and checks", () => {
    const config = new BagConfig({ size: 4 });
    expect(config.toJSON()).toEqual({ model_type: "bag", vocab_size: 16, dim: 4 });
    expect(BagConfig.fromJSON({ dim: 5, vocab_size: 9 })).toMatchObject({ size: 5, vocabSize: 9, extra: {} });
    expect(config.with({ vocabSize: 10 })).toMatchObject({ size: 4, vocabSize: 10 });
    expect(() => new BagConfig({ size: 20 })).toThrow(
      /BagConfig: expected size to be at most vocabSize \(16\), got 20/,
    );
    expect(() => BagConfig.fromJSON({ is_decoder: true })).toThrow(
      /config.json: is_decoder true is not supported; bags are/,
    );
  });

  it("comes from a folder, with options changed and a head that is missing named", () =>
    withoutLeaks(async () => {
      using model = new BagClassifier(new BagConfig({ numLabels: 3 }));
      const folder = new MemoryFolder();
      await model.savePretrained(folder);
      const { model: again } = await BagClassifier.fromPretrained(folder);
      expect(again.config.numLabels).toBe(3);
      expect(await again.classifier.weight.data()).toEqual(await model.classifier.weight.data());
      again.dispose();
      await expect(BagClassifier.fromPretrained(folder, { numLabels: 2 })).rejects.toThrow(
        /classifier.weight \(expected float32 \[2, 8\], got float32 \[3, 8\]\)/,
      );
    }));
});
