import type { CaseResult } from "../goldens/result.ts";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { checkModel, PARTS } from "../goldens/models.ts";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

const folders = [
  ...["roberta", "bert"].flatMap((architecture) =>
    ["mlm", "mlm-sparse", "classification"].map((task) => `${architecture}-${task}`),
  ),
  "roberta-classification-sparse",
  "roberta-token-classification",
  "roberta-question-answering",
  "distilbert-mlm",
  "distilbert-classification",
  "vit-image-classification",
  "vit-image-classification-sparse",
];
const causal = ["gpt2-causal", "gpt2-causal-sparse", "llama-causal", "llama-causal-sparse"];
/** The software adapter takes seconds for a model: of every architecture that came after the first two, one set. */
const notOnGpu = [
  "distilbert-mlm",
  "roberta-token-classification",
  "vit-image-classification",
  "gpt2-causal",
  "llama-causal",
];

/** Hugging Face's logits, hidden states, losses, gradients and 12 steps of AdamW; see goldens/README.md. */
skippedWithoutGpu("the same on webgpu");
describe.each([...devices, oracle])("on $name", (device) => {
  const here = [...folders, ...causal].filter((folder) => device.name !== "webgpu" || !notOnGpu.includes(folder));
  it.each(here)(
    "%s agrees with PyTorch",
    (folder) =>
      withoutLeaks(async () => {
        const max = device.name === "webgpu" ? 2 : Infinity;
        const cases: CaseResult[] = [];
        for await (const result of checkModel(ourGoldens.folder(folder), device, max)) cases.push(result);
        const parts = causal.includes(folder) ? [...PARTS, "generation"] : PARTS;
        expect(cases).toEqual(parts.map((part) => ({ id: `${folder}/${part}`, failures: [] })));
      }),
    120_000,
  );
});
