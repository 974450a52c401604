/** A RoBERTa with a masked-LM head, and the batch it is trained on. */
export interface ModelSizes {
  readonly name: string;
  readonly layers: number;
  readonly hidden: number;
  readonly heads: number;
  readonly vocabulary: number;
  /** Rows of the position embeddings: tokens + 2 at the least. */
  readonly positions: number;
  readonly batch: number;
  readonly tokens: number;
  /** What the model must have. */
  readonly parameters: number;
}

export const modelSizes: readonly ModelSizes[] = [
  {
    name: "tiny",
    layers: 2,
    hidden: 128,
    heads: 2,
    vocabulary: 4096,
    positions: 130,
    batch: 32,
    tokens: 128,
    parameters: 958_720,
  },
  {
    name: "small",
    layers: 4,
    hidden: 256,
    heads: 4,
    vocabulary: 8192,
    positions: 130,
    batch: 32,
    tokens: 128,
    parameters: 5_364_736,
  },
  {
    name: "base",
    layers: 6,
    hidden: 768,
    heads: 12,
    vocabulary: 52_000,
    positions: 514,
    batch: 16,
    tokens: 128,
    parameters: 83_504_416,
  },
];

/** Small enough for a trial, and for the reference device to check. */
export const trialSizes: ModelSizes = {
  name: "trial",
  layers: 1,
  hidden: 64,
  heads: 2,
  vocabulary: 128,
  positions: 18,
  batch: 2,
  tokens: 16,
  parameters: 63_936,
};

/** The shapes of the tensors that the optimiser of such a model sees. */
export const parameterShapes = ({ layers, hidden, vocabulary, positions }: ModelSizes): number[][] => {
  const linear = (inputs: number, outputs: number): number[][] => [[outputs, inputs], [outputs]];
  const norm = [[hidden], [hidden]];
  const layer = [
    ...Array.from({ length: 4 }, () => linear(hidden, hidden)).flat(),
    ...norm,
    ...linear(hidden, 4 * hidden),
    ...linear(4 * hidden, hidden),
    ...norm,
  ];
  return [
    [vocabulary, hidden],
    [positions, hidden],
    [1, hidden],
    ...norm,
    ...Array.from({ length: layers }, () => layer).flat(),
    ...linear(hidden, hidden),
    ...norm,
    [vocabulary],
  ];
};

export const countOf = (shapes: readonly (readonly number[])[]): number =>
  shapes.reduce((total, shape) => total + shape.reduce((product, size) => product * size, 1), 0);
