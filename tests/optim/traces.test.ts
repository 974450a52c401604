// Whole parameter traces of PyTorch's optimisers: every parameter after every step.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Gradients } from "@tessera/autograd";
import { Adam, AdamW, clipGradNorm, cosineWarmup, linearWarmup, SGD, type Optimizer, type Schedule } from "@tessera/nn";
import { Parameter, readSafetensors, scope, tensor, type Backend } from "@tessera/tensor";
import { describe, expect, it } from "vitest";
import { difference, valuesOf } from "../support/close.ts";
import { devices, oracle } from "../support/devices.ts";
import { withoutLeaks } from "../support/leaks.ts";

interface Trace {
  readonly id: string;
  readonly optimizer: "SGD" | "Adam" | "AdamW";
  readonly options: { readonly [name: string]: unknown };
  readonly clip: number | null;
  readonly lrs: readonly number[];
  readonly schedule?: string;
}

const goldens = fileURLToPath(new URL("../../goldens/", import.meta.url));
const traces = JSON.parse(readFileSync(`${goldens}optim.json`, "utf8")) as readonly Trace[];
const { tensors } = readSafetensors(readFileSync(`${goldens}optim.safetensors`));

const make = ({ optimizer, options }: Trace, params: ReadonlyMap<string, Parameter>): Optimizer => {
  const { lr, weight_decay: weightDecay } = options as { lr: number; weight_decay: number };
  if (optimizer === "SGD") {
    const { momentum, dampening, nesterov } = options as { momentum: number; dampening: number; nesterov: boolean };
    return new SGD(params, { lr, weightDecay, momentum, dampening, nesterov });
  }
  const { betas, eps } = options as { betas: [number, number]; eps: number };
  return new (optimizer === "Adam" ? Adam : AdamW)(params, { lr, weightDecay, betas, eps });
};

const scheduleOf = ({ schedule }: Trace, optimizer: Optimizer): Schedule | null => {
  const [, kind, warmup, total] = /^(\w+) warmup (\d+) total (\d+)$/.exec(schedule ?? "") ?? [];
  const lengths = { warmupSteps: Number(warmup), totalSteps: Number(total) };
  return kind === "linear"
    ? linearWarmup(optimizer, lengths)
    : kind === "cosine"
      ? cosineWarmup(optimizer, lengths)
      : null;
};

const golden = (name: string, device: Backend) => {
  const { data, shape } = tensors.get(name)!;
  return tensor(data, shape, { device });
};

describe.each([oracle, ...devices].map((device) => [device.name, device] as const))("on %s", (_, device) => {
  it.each(traces.map((trace) => [trace.schedule ? `${trace.id}, ${trace.schedule}` : trace.id, trace] as const))(
    "%s follows PyTorch's trace",
    (_, trace) =>
      withoutLeaks(async () => {
        const parameter = new Parameter(golden(`${trace.id}/init`, device));
        const optimizer = make(trace, new Map([["p", parameter]]));
        const schedule = scheduleOf(trace, optimizer);
        for (const [step, lr] of trace.lrs.entries()) {
          expect(optimizer.groups[0]!.lr, `learning rate of step ${step}`).toBeCloseTo(lr, 15);
          scope((): void => {
            const grads = new Gradients([["p", golden(`${trace.id}/grad${step}`, device)]]);
            if (trace.clip !== null) clipGradNorm(grads, trace.clip);
            optimizer.step(grads);
          });
          schedule?.step();
          const { data, shape } = tensors.get(`${trace.id}/param${step}`)!;
          expect(
            difference(await valuesOf(parameter), { shape, dtype: "float32", values: data }, { relative: 2e-6 }),
            `step ${step}`,
          ).toBeNull();
        }
        expect(await optimizer.skippedSteps()).toBe(0);
        optimizer.dispose();
        parameter.dispose();
      }),
  );
});
