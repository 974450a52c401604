// `npm run bench -- kept`: what a tape keeps of a training step's forward pass. Bytes are counted, not timed: one run says it all.
import { valueAndGrad } from "@tessera/autograd";
import { memory, scope } from "@tessera/tensor";
import { robertaSizes, tinyRoberta, type RobertaSizes } from "./cpu/tiny-roberta.ts";
import { makeTable, textOf } from "./table.ts";

const DENSITIES = [1, 0.5, 0.1];

interface Kept {
  readonly model: string;
  readonly density: number;
  readonly storages: number;
  readonly bytes: number;
}

/** Bytes alive after the forward pass minus bytes alive before it: what the tape keeps, and the loss. */
const keptBy = (model: string, sizes: RobertaSizes, density: number): Kept => {
  const training = tinyRoberta(sizes, density);
  try {
    return scope(() => {
      const inputs = training.inputs();
      const before = memory()["cpu"]!;
      let kept = { storages: 0, bytes: 0 };
      valueAndGrad(training.model, () => {
        const { loss } = scope(() => ({ loss: training.model.forward(inputs).loss! }));
        const after = memory()["cpu"]!;
        kept = { storages: after.storages - before.storages, bytes: after.bytes - before.bytes };
        return loss;
      })();
      return { model, density, ...kept };
    });
  } finally {
    training.dispose();
  }
};

const records = Object.entries(robertaSizes).flatMap(([name, sizes]) =>
  DENSITIES.map((density) => keptBy(name, sizes, density)),
);
console.log(
  textOf(
    makeTable("Kept after the forward pass of a masked-language-model step", records, [
      { label: "model", cell: ({ model }) => model },
      { label: "density", cell: ({ density }) => (density === 1 ? "dense" : `${density}`) },
      { label: "storages", cell: ({ storages }) => `${storages}` },
      { label: "bytes", cell: ({ bytes }) => `${bytes}` },
    ]),
  ),
);
