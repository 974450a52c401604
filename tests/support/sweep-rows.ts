/** Rows of a made-up sweep, as `rows.jsonl` has them: two criteria, three densities, three seeds, groups, times, a cell that failed. */
export const createSweepRows = ({ layers = 6, seeds = 3 }: { layers?: number; seeds?: number } = {}): string => {
  const names = ["attention.self.query", "attention.output.dense", "intermediate.dense", "output.dense"];
  const paths = Array.from(
    { length: layers },
    (_, i) => `roberta.encoder.layer.${Math.floor(i / names.length)}.${names[i % names.length]!}`,
  );
  /** Between −0.5 and 0.5, the same each time. */
  const noise = (...parts: number[]): number => {
    const x = Math.sin(parts.reduce((sum, part, i) => sum + part * (12.9898 + 65.137 * i), 1.7)) * 43758.5453;
    return x - Math.floor(x) - 0.5;
  };
  const shared = { blockSize: 8, recover: 0, checkpointHash: "c0ffee", conditions: { device: "cpu", threads: 2 } };
  const rows: object[] = [];
  const dense = { loss: 1, accuracy: 0.75, parameters: 500_000, stepMs: 20, forwardMs: 6 };
  for (let seed = 0; seed < seeds; seed++) {
    const base = { ...dense, loss: 1 + 0.01 * noise(seed), accuracy: 0.75 + 0.01 * noise(seed, 1) };
    const none = { layers: [], density: 1, realisedDensity: 1, criterion: "magnitude", mode: "leave-one-out" };
    rows.push({ ...shared, ...none, ...base, cell: "dense", model: "m0", seed, bytes: 2e6 });
    for (const [c, criterion] of ["magnitude", "random"].entries())
      for (const density of [0.75, 0.5, 0.25]) {
        const cost = (l: number): number =>
          (1 - density) * (0.02 + 0.03 * l) * (1 + c) - 0.02 + 0.02 * noise(seed, c, density, l);
        const row = (at: readonly number[], extra: number) => {
          const added = at.reduce((sum, l) => sum + cost(l), extra);
          const share = (at.length * (1 - density)) / layers;
          const loss = base.loss + added;
          const accuracy = base.accuracy - 0.3 * added;
          return {
            ...shared,
            cell: `${criterion}/${density}/${at.join("+")}`,
            model: "m0",
            layers: at.map((l) => paths[l]!),
            density,
            realisedDensity: density,
            criterion,
            mode: at.length === 1 ? "leave-one-out" : "cumulative",
            seed,
            loss,
            lossSpread: { low: loss - 0.02, high: loss + 0.02 },
            accuracy,
            accuracySpread: { low: accuracy - 0.01, high: accuracy + 0.01 },
            parameters: Math.round(500_000 * (1 - 0.7 * share)),
            bytes: Math.round(2e6 * (1 - 0.7 * share)),
            stepMs: 20 * (1 - 0.5 * share) + (density === 0.75 ? 1.5 : 0),
            denseStepMs: 20,
            forwardMs: 6 * (1 - 0.6 * share),
            denseForwardMs: 6,
          };
        };
        for (let l = 0; l < layers; l++) rows.push(row([l], 0));
        for (let n = 2; n <= layers; n++)
          rows.push(
            row(
              Array.from({ length: n }, (_, l) => l),
              0.01 * n * (1 - density),
            ),
          );
      }
  }
  for (const [model, part] of [
    ["m1", 0.7],
    ["m2", 0.45],
  ] as const) {
    const sizes = { parameters: 500_000 * part, stepMs: 20 * part, forwardMs: 6 * part, bytes: 2e6 * part };
    const scores = { loss: 1 + 0.4 * (1 - part), accuracy: 0.75 - 0.12 * (1 - part) };
    const none = { layers: [], density: 1, realisedDensity: 1, criterion: "magnitude", mode: "leave-one-out" };
    rows.push({ ...shared, ...none, ...sizes, ...scores, cell: `dense ${part}`, model, seed: 0 });
  }
  const failing = { cell: "failing", model: "m0", layers: [paths[0]!], density: 0.1, realisedDensity: 0.1 };
  const why = {
    criterion: "magnitude",
    mode: "leave-one-out",
    seed: 0,
    error: "evaluate: expected a finite loss, got NaN",
  };
  rows.push({ ...shared, ...failing, ...why });
  return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
};
