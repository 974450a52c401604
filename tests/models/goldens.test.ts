import type { CaseResult } from "../goldens/result.ts";
import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { checkModel, PARTS } from "../goldens/models.ts";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

const folders = ["roberta", "bert"].flatMap((architecture) =>
  ["mlm", "mlm-sparse", "classification"].map((task) => `${architecture}-${task}`),
);

/** Hugging Face's logits, hidden states, losses, gradients and 12 steps of AdamW; see goldens/README.md. */
skippedWithoutGpu("the same on webgpu");
describe.each([...devices, oracle])("on $name", (device) => {
  it.each([...folders, "roberta-classification-sparse"])(
    "%s agrees with PyTorch",
    (folder) =>
      withoutLeaks(async () => {
        const cases: CaseResult[] = [];
        for await (const result of checkModel(ourGoldens.folder(folder), device)) cases.push(result);
        expect(cases).toEqual(PARTS.map((part) => ({ id: `${folder}/${part}`, failures: [] })));
      }),
    120_000,
  );
});
