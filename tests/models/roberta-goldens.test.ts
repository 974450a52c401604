import { describe, expect, it } from "vitest";
import { ourGoldens } from "../goldens/folder.ts";
import { checkRoberta } from "../goldens/roberta.ts";
import { devices, oracle, skippedWithoutGpu } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

const folders = ["roberta-mlm", "roberta-mlm-sparse", "roberta-classification", "roberta-classification-sparse"];

/** Hugging Face's logits, hidden states, losses, gradients and 12 steps of AdamW; see goldens/README.md. */
skippedWithoutGpu("the same on webgpu");
describe.each([...devices, oracle])("on $name", (device) => {
  it.each(folders)(
    "%s agrees with PyTorch",
    (folder) =>
      withoutLeaks(async () => {
        const cases = await checkRoberta(ourGoldens.folder(folder), device);
        expect(cases).toEqual(
          (["forward", "gradients", "training"] as const).map((name) => ({ case: name, failures: [] })),
        );
      }),
    120_000,
  );
});
