import * as v from "valibot";
import type { FilledMask } from "../report/render-demo-report.ts";
import { shapes } from "../run-folder/read-checked-json.ts";
import type { PhaseSchemas } from "../run-folder/run-state.ts";
import type { HeadAttention } from "../training/read-attention.ts";
import type { TokenFrequencies } from "../training/token-frequencies.ts";

/** Names of the classifiers, in the order of the report; each is a folder of `models/`. */
export const CLASSIFIERS = ["scratch", "dense", "sparse"] as const;
export type ClassifierName = (typeof CLASSIFIERS)[number];

/** A fine-tuned and evaluated classifier. */
export interface ClassifierResult {
  accuracy: number;
  loss: number;
  parameters: number;
  /** Of the saved weights. */
  bytes: number;
  /** Of the file of the weights. A run that was killed and resumed ends with the same. */
  sha256: string;
}

/** Seconds of a step and of a forward pass: medians. */
export interface SpeedResult {
  stepSeconds: number;
  forwardSeconds: number;
}

/** What each phase writes into the state of the run. Models and logs are files beside it. */
export interface DemoPhases {
  data: { glosses: number; texts: number; train: number; test: number };
  tokenizer: { vocabSize: number };
  baseline: { accuracy: number };
  pretraining: {
    steps: number;
    tokens: number;
    parameters: number;
    heldOutLoss: number;
    heldOutAccuracy?: number | undefined;
    sha256: string;
  };
  patching: { dense: number; sparse: number; layers: number; density: number };
  scratch: ClassifierResult;
  dense: ClassifierResult;
  sparse: ClassifierResult;
  reload: { accuracy: number; loss: number };
  speed: Record<ClassifierName, SpeedResult> & { batch: number; length: number };
  masks: { fills: FilledMask[]; frequencies?: TokenFrequencies | undefined; attention?: HeadAttention | undefined };
  report: { path: string };
}

const { count, list, number, object, sha256, text } = shapes;

const classifier = object({ accuracy: number, loss: number, parameters: count, bytes: count, sha256 });
const speed = object({ stepSeconds: number, forwardSeconds: number });
const fill = object({ token: text, text, probability: number });
const frequencies = object({
  loss: number,
  accuracy: number,
  guesses: list(object({ token: text, probability: number })),
});
const attention = object({ layer: count, head: count, tokens: list(text), weights: list(list(number)) });

/** What is asked of each phase when the state of a demo is read. */
export const demoPhases: PhaseSchemas<DemoPhases> = {
  data: object({ glosses: count, texts: count, train: count, test: count }),
  tokenizer: object({ vocabSize: count }),
  baseline: object({ accuracy: number }),
  pretraining: object({
    steps: count,
    tokens: count,
    parameters: count,
    heldOutLoss: number,
    // Earlier versions wrote none.
    heldOutAccuracy: v.optional(number),
    sha256,
  }),
  patching: object({ dense: count, sparse: count, layers: count, density: number }),
  scratch: classifier,
  dense: classifier,
  sparse: classifier,
  reload: object({ accuracy: number, loss: number }),
  speed: object({ scratch: speed, dense: speed, sparse: speed, batch: count, length: count }),
  masks: object({
    fills: list(object({ text, fills: list(fill) })),
    // Earlier versions wrote neither.
    frequencies: v.optional(frequencies),
    attention: v.optional(attention),
  }),
  report: object({ path: text }),
};
