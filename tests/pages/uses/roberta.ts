import { RobertaConfig, RobertaForSequenceClassification } from "@tessera/models/roberta";
import { scope, tensor } from "@tessera/tensor";
import { find } from "./found.ts";

find(async () => {
  const model = new RobertaForSequenceClassification(
    new RobertaConfig({ vocabSize: 40, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, numLabels: 3 }),
  );
  const { logits } = scope(() => model.eval().forward({ inputIds: tensor(new Int32Array([0, 7, 2]), [1, 3]) }));
  const error: unknown = await model.savePretrained("runs/mine").catch((cause: unknown) => cause);
  return { shape: logits.shape, folder: String(error) };
});
